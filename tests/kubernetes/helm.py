"""Helm, against the cluster.

Fed by `cluster` with a kubeconfig and by charts/; feeds checks with what Helm says and with
what it has rendered. Guarantees that nothing of the caller's own Helm is read or changed.
"""

import os
from pathlib import Path

import yaml

from tally import CheckFailed

TOP = Path(__file__).resolve().parents[2]
GOLDEN = TOP / "tests/golden"
CONTROL_PLANE, AGENT = "postrider-control-plane", "postrider-agent"


class HelmClient:
    """The program, with folders of its own."""

    def __init__(self, program, cluster):
        self.program, self.processes = program, cluster.processes
        home = str(cluster.folder / "home")
        folders = {f"HELM_{name}_HOME": home for name in ("CACHE", "CONFIG", "DATA")}
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": str(cluster.kubeconfig), **folders,
        }

    def run(self, *arguments):
        return self.processes.run([str(self.program), *map(str, arguments)], self.environment)

    def expect(self, *arguments):
        """What it prints, if it does what it was told to, and the server warns of nothing."""
        done = self.run(*arguments)
        if done.returncode or any(map(is_server_warning, done.stderr.splitlines())):
            raise CheckFailed(f"helm {' '.join(map(str, arguments))}\n{done.stderr or done.stdout}")
        return done.stdout

    def upgrade(self, namespace, release, chart, *more):
        """Installs a chart or upgrades its release. `more` has files of values, too."""
        return self.expect(*upgrade(namespace, release, chart, *more))

    def documents(self, what, namespace, release):
        """What was rendered: `manifest` or `hooks`."""
        text = self.expect("get", what, release, "--namespace", namespace)
        return [thing for thing in yaml.load_all(text, yaml.CSafeLoader) if thing]


def is_server_warning(line):
    """Whether a line tells what the server warns of, and not that Helm has ended a watch of its own."""
    return "warning" in line.lower() and "watch ended with error" not in line


def upgrade(namespace, release, chart, *more):
    """The arguments with which a release is installed or upgraded, with the server's validation."""
    given = [argument for each in more for argument in (("--values", each) if isinstance(each, Path) else (each,))]
    return ["upgrade", "--install", release, TOP / "charts" / chart, "--namespace", namespace, "--server-side=true", *given]


def restricted_namespace(api, name):
    """A namespace in which Pod Security admits no pod that is not restricted."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    return name
