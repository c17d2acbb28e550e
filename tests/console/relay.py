"""What stands between a browser and the console, and fails: lines that end.

Fed by `scripts` with an address; feeds it another one. On loopback.
"""

import socket
import threading

CHUNK_BYTES = 65_536
# So long a line that is silent is not looked at.
POLL_SECONDS = 0.2


# As a proxy answers whose server is not there.
BAD_GATEWAY = (b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n"
               b"connection: close\r\n\r\n502")


class Relay:
    """Passes connections on to a port, until it is cut: those that are there end at once, and new
    ones end when they begin, or are answered as a proxy does."""

    def __init__(self, port):
        self.target, self.is_cut, self.stopped = port, False, False
        self.answer, self.refused = None, 0
        self.lines, self.lock = set(), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(POLL_SECONDS)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.stopped:
            try:
                line, _ = self.listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            if self.is_cut:
                self.refuse(line)
                continue
            other = socket.create_connection(("127.0.0.1", self.target))
            with self.lock:
                self.lines |= {line, other}
            for source, sink in ((line, other), (other, line)):
                source.settimeout(None)
                threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    def refuse(self, line):
        # Browsers open lines on which they ask nothing.
        line.settimeout(5 * POLL_SECONDS)
        with line:
            try:
                if self.answer and line.recv(CHUNK_BYTES):
                    line.sendall(self.answer)
                    self.refused += 1
            except OSError:
                pass

    def copy(self, source, sink):
        try:
            while chunk := source.recv(CHUNK_BYTES):
                sink.sendall(chunk)
        except OSError:
            pass
        self.end({source, sink})

    def end(self, lines):
        with self.lock:
            self.lines -= lines
        for line in lines:
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            line.close()

    def cut(self, answer=None):
        self.answer, self.is_cut = answer, True
        with self.lock:
            lines = set(self.lines)
        self.end(lines)

    def mend(self):
        self.is_cut = False

    def stop(self):
        self.stopped = True
        self.cut()
        self.listener.close()
