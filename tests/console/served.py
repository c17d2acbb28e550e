"""`postrider serve` with settings of an operator's own, and what stands around it.

Fed by the programs in POSTRIDER_TEST_BIN_DIR and, for signing in with a provider, by that in
POSTRIDER_TEST_OIDC_PROVIDER; feeds `operators` with addresses. There is no agent: nothing is
delivered. Guarantees that what is started ends with it. Everything is on loopback.
"""

import base64
import http.server
import os
import threading
import urllib.error
import urllib.request

from installation import Api, Program, free_port

TOKEN = "prt_0123456789abcdef0123_" + "0123456789abcdef" * 4
OPERATOR = "Kwik Bank & Sons"
ACCENTS = {"light": ("#0a5c36", "rgb(10, 92, 54)"), "dark": ("#7fdca4", "rgb(127, 220, 164)")}
LOGO = ('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">'
        '<rect width="40" height="20" fill="#0a5c36"/></svg>')
PROVIDER_NAME = "Bank staff"
# Whom the rules let in.
KNOWN_USER = "alice"
SETTINGS = """
[server]
listen = "127.0.0.1:{port}"
metrics_listen = ""
[agents]
listen = "127.0.0.1:0"
[database]
data_dir = "{folder}/data"
[keys]
encryption_keys = "test:{key}"
[auth]
bootstrap_token_file = "{folder}/token"
[[auth.issuers]]
issuer = "{provider}"
audiences = ["console"]
jwks_url = "{provider}/jwks"
[[auth.issuers.rules]]
claim = "sub"
value = "{user}"
role = "operator"
installation = true
[publish]
allow_unknown_event_types = true
[console]
enabled = true
public_url = "http://localhost:{port}"
frame_ancestors = ["{framing}"]
operator_name = "{operator}"
logo_file = "{folder}/logo.svg"
accent_color = "{light}"
accent_color_dark = "{dark}"
[[console.providers]]
name = "{provider_name}"
issuer = "{provider}"
client_id = "console"
client_secret_file = "{folder}/client-secret"
authorization_url = "{provider}/oauth2/authorize"
token_url = "{provider}/oauth2/token"
"""


class FramingSite:
    """A site whose one page shows an address in a frame."""

    def __init__(self):
        self.framed = "about:blank"
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page = f'<!doctype html><iframe src="{site.framed}" width="900" height="600"></iframe>'
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(page.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Served(Api):
    """An operator's installation, the provider of its staff, and two sites around it."""

    def __init__(self, programs, folder):
        port, provider_port = free_port(), free_port()
        self.address = f"http://127.0.0.1:{port}"
        self.console = f"http://localhost:{port}/console"
        self.token, self.running = TOKEN, []
        self.own_site, self.foreign_site = self.keep(FramingSite()), self.keep(FramingSite())
        self.provider = f"http://localhost:{provider_port}"
        for name, text in (("token", TOKEN), ("logo.svg", LOGO), ("client-secret", "a secret")):
            (folder / name).write_text(text)
        settings = folder / "postrider.toml"
        settings.write_text(SETTINGS.format(
            port=port, folder=folder, key=base64.b64encode(bytes(32)).decode(),
            provider=self.provider, provider_name=PROVIDER_NAME, user=KNOWN_USER,
            framing=self.own_site.origin, operator=OPERATOR,
            light=ACCENTS["light"][0], dark=ACCENTS["dark"][0]))
        try:
            self.start(programs, folder, settings, provider_port)
        except Exception:
            self.stop()
            raise

    def start(self, programs, folder, settings, provider_port):
        mock = os.environ.get("POSTRIDER_TEST_OIDC_PROVIDER")
        if mock:
            provider = self.keep(Program([mock, "--port", str(provider_port)],
                                         folder / "provider.log"))
            provider.wait_until(lambda: answers(self.provider + "/jwks"))
        served = self.keep(Program([programs / "postrider", "serve", "--config", settings],
                                   folder / "serve.log"))
        served.wait_until(lambda: answers(self.console + "/sign-in"))
        self.call("POST", "/v1/tenants?tenantId=acme", {"displayName": "Acme"})

    def keep(self, running):
        self.running.append(running)
        return running

    def stop(self):
        for running in reversed(self.running):
            running.stop()


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
