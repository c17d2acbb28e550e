"""What an installation looks like, from the command to pods that are ready.

Fed by Helm's arguments and by the API server; feeds the terminal at the end of the stage.
"""

import threading
import time

import objects
from api import is_ready
from helm import TOP


def phase_of(pod):
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    return "Running, ready" if is_ready(pod) else pod["status"].get("phase", "Pending")


class PodTranscript:
    """Watches the pods of one namespace while something is done there."""

    def __init__(self, cluster, namespace):
        self.api, self.zones, self.namespace = cluster.api, cluster.node_zones(), namespace
        self.lines, self.phases = [], {}
        self.least_ready = {}

    def watched(self, title, arguments, steps):
        """Runs `steps` and writes down what becomes of pods meanwhile; what `steps` gives."""
        shown = [str(argument).removeprefix(f"{TOP}/") for argument in arguments]
        self.lines += [f"# {title}", f"$ helm {' '.join(shown)}"]
        begun, is_over = time.monotonic(), threading.Event()
        self.least_ready = {}

        def look():
            while not is_over.wait(0.1):
                self.look(time.monotonic() - begun)

        watching = threading.Thread(target=look, daemon=True)
        watching.start()
        try:
            done = steps()
            self.lines.append(f"{time.monotonic() - begun:6.1f} s  helm has ended")
            return done
        finally:
            is_over.set()
            watching.join()

    def look(self, seconds):
        pods = {pod["metadata"]["uid"]: pod for pod in self.api.pods(self.namespace)}
        for uid, pod in pods.items():
            phase, name, node = phase_of(pod), pod["metadata"]["name"], pod["spec"].get("nodeName")
            if self.phases.get(uid) != (name, phase):
                self.phases[uid] = (name, phase)
                place = f"on {node}, zone {self.zones[node]}" if node else "on no node yet"
                self.lines.append(f"{seconds:6.1f} s  {name}  {phase}  {place}")
        for uid in [uid for uid in self.phases if uid not in pods]:
            self.lines.append(f"{seconds:6.1f} s  {self.phases.pop(uid)[0]}  gone")
        self.count(pods.values())

    def count(self, pods):
        """The fewest pods of each component that were ready at once."""
        ready = [pod["metadata"]["labels"].get("app.kubernetes.io/component") for pod in pods if is_ready(pod)]
        for component in {pod["metadata"]["labels"].get("app.kubernetes.io/component") for pod in pods}:
            number = ready.count(component)
            self.least_ready[component] = min(number, self.least_ready.get(component, number))

    def add_objects(self, rendered):
        """What was installed, by kind."""
        kinds = sorted({thing["kind"] for thing in rendered})
        self.lines.append("# " + ", ".join(f"{len(objects.of_kind(rendered, kind))} {kind}" for kind in kinds))
