"""One replica with agents and a receiver, on an engine, and the dump of its database.

Fed by the programs in POSTRIDER_TEST_BIN_DIR, by tests/tools/postgres and by Python's sqlite3;
feeds `make.py` with calls over HTTP and with SQL. Guarantees that whatever it started ends with
it, and that the dump is of a database that nobody changes any more.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPOSITORY = pathlib.Path(__file__).resolve().parents[4]
PROGRAMS = pathlib.Path(os.environ.get("POSTRIDER_TEST_BIN_DIR", REPOSITORY / "target/debug"))
POSTGRES = REPOSITORY / "tests/tools/postgres"
TOKEN = f"prt_{'7e57' * 5}_{'7e57' * 16}"
START_LIMIT_SECONDS = 60
WAIT_LIMIT_SECONDS = 60
# Few, so that the dump is small; the test opens it with as many.
SHARD_COUNT = 6


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, holds):
    end = time.monotonic() + WAIT_LIMIT_SECONDS
    while not (found := holds()):
        if time.monotonic() > end:
            raise RuntimeError(f"waited in vain for {what}")
        time.sleep(0.1)
    return found


class Receiver(BaseHTTPRequestHandler):
    """What is answered depends on the path; `/hang` and the first of `/hang-once` never are."""

    protocol_version = "HTTP/1.1"
    seen, lock, ending = {}, threading.Lock(), threading.Event()

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        delivery = (self.path, self.headers.get("webhook-id"))
        with self.lock:
            count = self.seen[delivery] = self.seen.get(delivery, 0) + 1
        if self.path == "/hang" or (self.path == "/hang-once" and count == 1):
            self.ending.wait()
            self.close_connection = True
            return
        status, body, headers = {
            "/ok": (200, b'{"received":true}', {"x-receipt": "42"}),
            "/error": (500, b"not now \xff", {}),
            "/wait": (503, b"", {"retry-after": "3600"}),
            "/once": ((200, b"at last", {}) if count > 1 else (502, b"", {})),
            "/hang-once": (200, b"", {}),
        }[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Rig:
    def __init__(self, folder, engine, keys_file):
        self.folder, self.engine = folder, engine
        self.programs = []
        self.port, self.agents_port, self.database_port = free_port(), free_port(), free_port()
        self.token, self.keys = folder / "token", folder / "keys"
        self.token.write_text(TOKEN)
        self.keys.write_bytes(keys_file.read_bytes())
        for secret in (self.token, self.keys):
            secret.chmod(0o600)
        Receiver.seen.clear()
        Receiver.ending.clear()
        self.receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.receiver.daemon_threads = True
        threading.Thread(target=self.receiver.serve_forever, daemon=True).start()

    def begin(self):
        """Starts the database and the replica, and waits until that serves."""
        url = f"sqlite:{self.folder}/postrider.db"
        if self.engine == "postgres":
            url = f"postgres://postgres@127.0.0.1:{self.database_port}/postgres"
            self.start("database", [POSTGRES, self.folder / "database", str(self.database_port)])
        serve = self.start("serve", [
            PROGRAMS / "postrider", "serve", "--database-url", url, "--keys-file", self.keys,
            "--listen", f"127.0.0.1:{self.port}", "--metrics-listen", "",
            "--agents-listen", f"127.0.0.1:{self.agents_port}", "--replica-id", "replica-1",
            "--replicas-listen", f"127.0.0.1:{free_port()}", "--data-dir", self.folder,
            "--bootstrap-token-file", self.token,
        ], {
            "POSTRIDER_DATABASE__SHARD_COUNT": str(SHARD_COUNT),
            "POSTRIDER_PUBLISH__ALLOW_UNKNOWN_EVENT_TYPES": "true",
            "POSTRIDER_OPERATIONAL_EVENTS__OPERATORS_TENANT": "operators",
            "POSTRIDER_CONSOLE__ENABLED": "true",
            "POSTRIDER_CONSOLE__PUBLIC_URL": f"http://127.0.0.1:{self.port}",
        })
        end = time.monotonic() + START_LIMIT_SECONDS
        while True:
            try:
                self.get("/v1/tenants")
                return
            except (OSError, RuntimeError):
                if time.monotonic() > end or serve.poll() is not None:
                    raise RuntimeError((self.folder / "serve.log").read_text()) from None
                time.sleep(0.2)

    def start(self, name, command, environment=None):
        own = {name: text for name, text in os.environ.items()
               if not name.startswith("POSTRIDER_") or name == "POSTRIDER_TEST_POSTGRES_BIN"}
        with open(self.folder / f"{name}.log", "ab") as log:
            program = subprocess.Popen(command, cwd=self.folder, env=own | (environment or {}),
                                       stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.programs.append(program)
        return program

    def start_agent(self, name):
        return self.start(name, [
            PROGRAMS / "postrider-agent", "--region", "default", "--id", name,
            "--control-plane", f"http://127.0.0.1:{self.agents_port}",
            "--allow-subnet", "127.0.0.0/8", "--metrics-listen", "",
        ])

    def receiver_url(self, path):
        return f"http://127.0.0.1:{self.receiver.server_port}{path}"

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text)

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body=None):
        return self.call("POST", path, body or {})

    def dump(self):
        """Ends everything but the database at once, as a crash would, and dumps that."""
        for program in self.programs:
            if program.args[0] != POSTGRES:
                program.kill()
                program.wait()
        return self.postgres_dump() if self.engine == "postgres" else self.sqlite_dump()

    def sqlite_dump(self):
        with sqlite3.connect(self.folder / "postrider.db") as database:
            return "\n".join(database.iterdump()) + "\n"

    def postgres_dump(self):
        def run(*command):
            place = ["--host=127.0.0.1", f"--port={self.database_port}", "--username=postgres"]
            command = [POSTGRES, "--run", self.folder, command[0], *place, *command[1:], "postgres"]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout

        # Days without rows, which each replica makes by itself: there are more of them than of
        # everything else.
        days = run("psql", "--tuples-only", "--no-align", "--command",
                   "SELECT inhrelid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = inhparent"
                   " WHERE c.relkind = 'p'").split()
        for day in days:
            if run("psql", "--tuples-only", "--no-align", "--command",
                   f"SELECT EXISTS (SELECT FROM {day})").strip() == "f":
                run("psql", "--quiet", "--command", f"DROP TABLE {day}")
        dump = run("pg_dump", "--no-owner", "--no-privileges", "--inserts",
                   "--rows-per-insert=100")
        # What psql alone understands, and remarks.
        return re.sub(r"^(\\(un)?restrict .*|--.*|)\n", "", dump, flags=re.MULTILINE)

    def end(self):
        Receiver.ending.set()
        self.receiver.shutdown()
        self.receiver.server_close()
        for program in reversed(self.programs):
            if program.poll() is None:
                program.send_signal(signal.SIGINT if program.args[0] == POSTGRES else signal.SIGKILL)
                program.wait()
