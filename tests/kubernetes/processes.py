"""Programs that are started, and all ended.

Fed by `cluster` and `helm`; feeds them with ports and with what programs print. Guarantees
that none outlives this one: not if it is told to stop, and the servers not if it is killed.
"""

import shutil
import socket
import subprocess
import threading


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class ProcessGroup:
    """What runs at present."""

    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.Lock()
        self.running, self.servers, self.is_ended = {}, {}, False

    def start_server(self, name, *arguments):
        """It is to run until all is ended."""
        self.servers[name] = self.start_logged(name, *arguments)

    def start_logged(self, name, *arguments):
        """Its log is in the folder. It is killed when the thread that started it ends."""
        guard = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
        with (self.folder / f"{name}.log").open("wb") as log:
            return self.start(name, [*guard, *map(str, arguments)], stdout=log, stderr=log)

    def run(self, arguments, environment):
        """Waits for a program; its status, output and errors."""
        process = self.start(
            arguments[0], arguments, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        try:
            output, errors = process.communicate()
        finally:
            with self.lock:
                self.running.pop(process.pid, None)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def start(self, name, arguments, **options):
        with self.lock:
            if self.is_ended:
                raise SystemExit(f"{name} is not started any more")
            process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, **options)
            self.running[process.pid] = process
        return process

    def end_all(self):
        """Killed, since nothing of theirs is kept."""
        with self.lock:
            self.is_ended = True
            processes = list(self.running.values())
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()

    def stopped(self):
        """The servers that have ended by themselves, with the last that they said."""
        for name, process in self.servers.items():
            if process.poll() is not None:
                lines = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()
                yield "\n".join([f"{name} has ended with {process.returncode}", *lines[-15:]])
