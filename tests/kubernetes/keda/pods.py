"""Agents as processes, one for each pod that is ready.

Fed by the pods of a namespace, which kwok says are ready; feeds the control plane with agents.
Guarantees that an agent is told to stop when its pod is to end.
"""

import threading

from api import is_ready
from control_plane import TRUST_DOMAIN

REGION_LABEL = "postrider/region"


class PodProcesses:
    """Stands for kubelets, of which kwok has none."""

    def __init__(self, cluster, control_plane, namespace):
        self.cluster, self.control_plane, self.namespace = cluster, control_plane, namespace
        self.agents, self.certificates = {}, {}
        self.is_ended, self.thread = threading.Event(), threading.Thread(target=self.follow, daemon=True)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        """Before the API server ends. Agents that run are ended with everything else."""
        self.is_ended.set()
        self.thread.join()

    def follow(self):
        while not self.is_ended.wait(0.5):
            wanted = {pod["metadata"]["name"]: pod for pod in self.cluster.api.pods(self.namespace) if is_ready(pod)}
            for name in wanted.keys() - self.agents.keys():
                region = wanted[name]["metadata"]["labels"][REGION_LABEL]
                self.agents[name] = self.start_agent(name, region)
            for name in self.agents.keys() - wanted.keys():
                self.agents.pop(name).terminate()

    def start_agent(self, name, region):
        authority, programs = self.control_plane.authority, self.control_plane.programs
        if region not in self.certificates:
            role = f"URI:spiffe://{TRUST_DOMAIN}/postrider/agent/{region}"
            self.certificates[region] = authority.issue(f"agent-{region}", role)
        certificate, key = self.certificates[region]
        return self.cluster.processes.start_logged(
            name, programs / "postrider-agent",
            "--control-plane", f"https://127.0.0.1:{self.control_plane.agents_port}",
            "--region", region, "--id", name, "--allow-subnet", "127.0.0.0/8", "--extra-ca", authority.certificate,
            "--tls-ca", authority.certificate, "--tls-cert", certificate, "--tls-key", key,
        )
