"""A customer's endpoint, which takes as long as it is told to.

Fed by agents' POSTs; feeds the scenario with their number.
"""

import http.server
import ssl
import threading
import time


class TestReceiver:
    """Answers 204 to everything, on loopback."""

    def __init__(self, authority):
        self.delay, self.count = 0, 0
        receiver, lock = self, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                time.sleep(receiver.delay)
                with lock:
                    receiver.count += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 512

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*authority.issue("receiver", "IP:127.0.0.1"))
        self.server = Server(("127.0.0.1", 0), Handler)
        # Handshakes are the handlers' threads' work.
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server.server_port}/webhooks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
