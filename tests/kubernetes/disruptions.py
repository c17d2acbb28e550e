"""Pods that are evicted, and nodes that are emptied.

Fed by a release that runs; feeds the tally. Guarantees that nodes can be used again afterwards.
"""

from api import MERGE_PATCH, is_ready
from cluster import ZONES
from tally import CheckFailed, wait_for


class DisruptionCheck:
    """Of one workload in one namespace."""

    def __init__(self, cluster, tally, namespace, labels, wanted):
        self.api, self.tally, self.zones = cluster.api, tally, cluster.node_zones()
        self.namespace, self.labels, self.wanted = namespace, labels, wanted

    def ready(self):
        return [pod for pod in self.api.pods(self.namespace, self.labels) if is_ready(pod)]

    def wait_until_whole(self):
        wait_for(f"{self.wanted} pods that are ready", 60, lambda: len(self.ready()) == self.wanted)

    def check_evictions(self, name, allowed):
        """As many evictions as the budget has are granted, and the next is refused.

        Now and then a pod is replaced and ready before the last is asked for: once more then.
        """
        wanted = [201] * allowed + [429]
        for _ in range(3):
            self.wait_until_whole()
            self.wait_for_budget(allowed)
            statuses = [self.api.evict(pod) for pod in self.ready()[: allowed + 1]]
            if statuses == wanted:
                break
        name = f"{name}: {allowed} of {allowed + 1} evictions are granted, and the last refused (429)"
        self.tally.check(name, "" if statuses == wanted else f"answered {statuses}")
        self.wait_until_whole()

    def wait_for_budget(self, allowed):
        path = f"/apis/policy/v1/namespaces/{self.namespace}/poddisruptionbudgets"

        def is_open():
            selectors = [(budget["spec"]["selector"]["matchLabels"], budget["status"]) for budget in self.api.items(path)]
            own = [status for selector, status in selectors if self.labels.items() <= selector.items()]
            return own and all(status.get("disruptionsAllowed") == allowed for status in own)

        wait_for(f"a budget of {allowed}", 60, is_open)

    def check_drain(self, name, least):
        """A zone's nodes are emptied, as `kubectl drain` does, while enough pods stay ready."""
        zone = ZONES[0]
        nodes = {node for node, its_zone in self.zones.items() if its_zone == zone}
        self.wait_until_whole()
        moved = {pod["metadata"]["uid"] for pod in self.ready() if pod["spec"]["nodeName"] in nodes}
        fewest, refused = self.wanted, 0
        try:
            self.set_unschedulable(nodes, True)
            while on_nodes := self.pods_on(nodes):
                for pod in on_nodes:
                    refused += self.evict_in_time(pod)
                    fewest = min(fewest, len(self.ready()))
            self.wait_until_whole()
            elsewhere = {self.zones[pod["spec"]["nodeName"]] for pod in self.ready()}
        finally:
            self.set_unschedulable(nodes, False)
        problems = [] if moved else [f"none of its pods was in zone {zone}"]
        problems += [f"pods are still in zone {zone}"] if zone in elsewhere else []
        problems += [f"{fewest} pods were ready at some time, and not {least}"] if fewest < least else []
        name = f"{name}: {len(moved)} pods move when zone {zone} is emptied, {least} stay ready"
        self.tally.check(f"{name} ({refused} evictions had to wait)", "\n".join(problems))

    def pods_on(self, nodes):
        pods = self.api.pods(self.namespace, self.labels)
        return [pod for pod in pods if pod["spec"].get("nodeName") in nodes]

    def evict_in_time(self, pod):
        """Asks until the eviction is granted; whether it had to wait."""
        status = self.api.evict(pod)
        if status in (201, 404):
            return False
        if status != 429:
            raise CheckFailed(f"an eviction is answered {status}")
        wait_for("an eviction that is granted", 60, lambda: self.api.evict(pod) in (201, 404))
        return True

    def set_unschedulable(self, nodes, value):
        for node in nodes:
            change = {"spec": {"unschedulable": value}}
            self.api.call("PATCH", f"/api/v1/nodes/{node}", change, MERGE_PATCH).expect(200)
