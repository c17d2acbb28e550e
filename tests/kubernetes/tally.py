"""What was checked, and what was wrong.

Fed by all checks, from several threads; feeds the terminal with a line for each.
"""

import sys
import threading
import time


class CheckFailed(Exception):
    """Something that had to be so is not, and what comes after needs it."""


class CheckTally:
    """Counts checks."""

    def __init__(self):
        self.passed, self.failed = 0, 0
        self.lock = threading.Lock()

    def check(self, name, problem=""):
        """Counts one as passed if there is no problem."""
        with self.lock:
            if problem:
                self.failed += 1
                print(f"FAILED {name}\n{problem}", file=sys.stderr, flush=True)
            else:
                self.passed += 1
                print(f"ok {name}", flush=True)

    def attempt(self, name, steps, *arguments):
        """Runs checks of which one may end the others."""
        try:
            return steps(*arguments)
        except CheckFailed as failure:
            self.check(name, str(failure))
            return None


def wait_for(what, seconds, look):
    """What `look` finds, once it finds something. It may raise CheckFailed to say what is missing."""
    end = time.monotonic() + seconds
    while True:
        said = ""
        try:
            found = look()
            if found:
                return found
        except CheckFailed as failure:
            said = f": {failure}"
        if time.monotonic() > end:
            raise CheckFailed(f"after {seconds} s there is still not: {what}{said}")
        time.sleep(0.2)
