"""What the console's tests run against: `postrider dev`, and a receiver of their own.

Fed by the program in POSTRIDER_TEST_BIN_DIR; feeds `checks` with addresses, a token and calls of
the API. Guarantees that what is started ends with it. Everything is on loopback.
"""

import hashlib
import hmac
import http.server
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

START_SECONDS = 60
HOSTILE = "<script>window.pwned=1</script>\"'><img src=x onerror=window.pwned=2>"
# Kwik's document names them.
KWIK_TYPES = """bank_account.created bank_account.updated checkout.completed checkout.expired
checkout.failed collection.created collection.updated customer.created customer.updated
invoice.created invoice.updated mandate.created mandate.updated payout.created payout.updated
transaction.created transaction.updated""".split()
KKIAPAY_TYPES = ["transaction.success", "transaction.failed"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Receiver:
    """Answers by its path: /ok, /fail, /redirect, /hostile. Keeps what it got."""

    def __init__(self, folder):
        certificate, key = folder / "receiver.pem", folder / "receiver.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
            check=True, capture_output=True)
        self.certificate, self.got = certificate, []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                receiver.got.append((self.path, dict(self.headers.items()), body))
                status = {"/fail": 500, "/redirect": 302}.get(self.path, 200)
                text = HOSTILE if self.path == "/hostile" else f"status {status}"
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                if self.path == "/hostile":
                    self.send_header("x-hostile", HOSTILE)
                    self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"https://localhost:{self.server.server_address[1]}{path}"

    def posts(self, path):
        return [(headers, body) for at, headers, body in list(self.got) if at == path]

    def wait_for_posts(self, path, count):
        """Waits until so many were POSTed there."""
        end = time.monotonic() + START_SECONDS
        while len(self.posts(path)) < count:
            if time.monotonic() > end:
                raise AssertionError(f"{len(self.posts(path))} of {count} came to {path}")
            time.sleep(0.05)
        return self.posts(path)

    def stop(self):
        self.server.shutdown()


def signed_hex(secret, body):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Program:
    """A process and what it said."""

    def __init__(self, command, log_file, environment=None):
        self.log_file, self.output = log_file, open(log_file, "wb")
        own = {k: v for k, v in os.environ.items() if not k.startswith("POSTRIDER_")}
        self.process = subprocess.Popen(command, stdout=self.output, stderr=subprocess.STDOUT,
                                        env=own | (environment or {}))

    def said(self):
        return self.log_file.read_text(errors="replace")

    def wait_until(self, is_up):
        end = time.monotonic() + START_SECONDS
        while not is_up():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"{self.process.args[0]} is not up:\n{self.said()[-2000:]}")
            time.sleep(0.1)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()


class Api:
    """Calls of an installation at `address`, by `token` unless told otherwise."""

    def call(self, method, path, body=None, token=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, method=method, headers={
            "authorization": f"Bearer {token or self.token}", "content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.read().decode()[:500]}") from error

    def publish(self, event_type, data, tenant="acme"):
        return self.call("POST", f"/v1/tenants/{tenant}/events:publish",
                         {"event": {"eventType": event_type, "data": data}})["event"]

    def create_token(self, *roles):
        grants = [{"role": role, "tenants": ["tenants/acme"]} for role in roles]
        return self.call("POST", "/v1/tokens", {"grants": grants})

    def token_of(self, *roles):
        return self.create_token(*roles)["secret"]


class Installation(Api):
    """`postrider dev`, with types of the catalogue and events of its history."""

    def __init__(self, programs, folder):
        self.receiver = Receiver(folder)
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self.console = f"http://localhost:{port}/console"
        data = folder / "data"
        self.program = Program(
            [programs / "postrider", "dev", "--listen", f"127.0.0.1:{port}", "--data-dir", data,
             "--receiver-listen", f"127.0.0.1:{free_port()}", "--extra-ca",
             self.receiver.certificate], folder / "postrider.log")
        self.program.wait_until(lambda: "Postrider runs" in self.program.said())
        self.token = (data / "dev-token").read_text().strip()
        names = KWIK_TYPES + KKIAPAY_TYPES
        types = [{"name": name, "group": name.split(".")[0].replace("_", " "),
                  "description": "The " + name.replace(".", " was ").replace("_", " ") + ".",
                  "sample": {"type": name, "test": True}} for name in names]
        self.call("POST", "/v1/eventTypes:import",
                  {"catalogue": json.dumps({"event_types": types})})

    def stop(self):
        self.program.stop()
        self.receiver.stop()


def programs():
    root = pathlib.Path(__file__).resolve().parents[2]
    return pathlib.Path(os.environ.get("POSTRIDER_TEST_BIN_DIR") or root / "target" / "debug")
