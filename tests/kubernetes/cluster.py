"""A cluster without machines: etcd, the API server, a scheduler, controllers, and kwok.

Fed by the programs and definitions that tests/kubernetes/build makes; feeds all checks with a
client, a kubeconfig and six nodes in three zones. Guarantees that nothing listens but on
loopback, and that everything is in one folder. kwok stands for the kubelets: it says that pods
run and that Jobs' pods end well, and starts nothing. Annotations of a pod make it slower, or
keep it as it is.
"""

import json
import secrets
import subprocess
import threading

import yaml

from api import ApiClient
from processes import ProcessGroup, free_port
from tally import wait_for

ZONES = ("a", "b", "c")
NODES_OF_A_ZONE = 2
# kwok's stages leave out pods with these, whatever the value.
NEVER_READY = "postrider.test/never-ready"
NEVER_ENDS = "postrider.test/never-ends"
KEPT_BACK = {"pod-ready": NEVER_READY, "pod-complete": NEVER_ENDS}
# How long a pod takes to be ready, as 2s. Without it, no time at all.
READY_AFTER = "postrider.test/ready-after"
# Of the controller manager only what the charts' objects need.
CONTROLLERS = (
    "deployment", "replicaset", "statefulset", "job", "disruption", "endpointslice",
    "serviceaccount", "namespace", "garbage-collector", "horizontal-pod-autoscaler",
    "node-lifecycle", "pod-garbage-collector",
)


class ServerEnded(Exception):
    """A server of the cluster does not run."""


class TestCluster:
    """What runs, and how it is reached."""

    def __init__(self, tools, folder, server_arguments=()):
        self.programs, self.definitions = tools, tools / "definitions"
        self.folder, self.server_arguments = folder, server_arguments
        self.processes = ProcessGroup(folder)
        self.kubeconfig = folder / "kubeconfig"
        self.api = None
        # Held by who empties nodes, and by who looks where pods are.
        self.nodes = threading.Lock()

    def start(self):
        """Until nodes are ready and all kinds are known."""
        self.start_servers()
        self.start_controllers()
        self.apply_definitions()
        for zone in ZONES:
            for number in range(1, NODES_OF_A_ZONE + 1):
                self.api.create(node(f"node-{zone}{number}", zone))
        self.wait_for("six nodes that are ready", self.are_nodes_ready)

    def start_servers(self):
        store, peers, port = free_port(), free_port(), free_port()
        key, tokens, token = self.folder / "accounts.key", self.folder / "tokens.csv", secrets.token_hex(16)
        subprocess.run(
            ["openssl", "ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", key], check=True
        )
        tokens.touch(0o600)
        tokens.write_text(f'{token},tester,tester,"system:masters"\n')
        self.processes.start_server(
            "etcd", self.programs / "etcd", "--data-dir", self.folder / "etcd", "--unsafe-no-fsync",
            "--log-level=warn", f"--listen-client-urls=http://127.0.0.1:{store}",
            f"--advertise-client-urls=http://127.0.0.1:{store}",
            f"--listen-peer-urls=http://127.0.0.1:{peers}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}",
            f"--initial-cluster=default=http://127.0.0.1:{peers}",
        )
        certificates = self.folder / "certificates"
        self.processes.start_server(
            "kube-apiserver", self.programs / "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{store}", f"--secure-port={port}",
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
            # There is no machine at which pods would reach it.
            "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/16",
            f"--cert-dir={certificates}", f"--token-auth-file={tokens}", "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            *self.server_arguments,
        )
        authority = certificates / "apiserver.crt"
        self.wait_for("a certificate of the API server", authority.exists)
        self.api = ApiClient(port, authority, token)
        self.kubeconfig.touch(0o600)
        self.kubeconfig.write_text(kubeconfig(port, authority, token))
        self.wait_for("an API server that is ready", lambda: self.api.call("GET", "/readyz").status == 200)

    def start_controllers(self):
        shared = [
            f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--secure-port=0",
            "--kube-api-qps=200", "--kube-api-burst=400",
        ]
        self.processes.start_server("kube-scheduler", self.programs / "kube-scheduler", *shared)
        self.processes.start_server(
            "kube-controller-manager", self.programs / "kube-controller-manager", *shared,
            "--horizontal-pod-autoscaler-sync-period=2s",
            "--controllers=" + ",".join(f"{name}-controller" for name in CONTROLLERS),
        )
        stages = self.folder / "stages.yaml"
        stages.write_text("\n---\n".join(json.dumps(stage) for stage in self.stages()))
        self.processes.start_server(
            "kwok", self.programs / "kwok", f"--kubeconfig={self.kubeconfig}", f"--config={stages}",
            "--manage-all-nodes=true", "--cidr=10.244.0.0/16", "--node-lease-duration-seconds=40",
        )

    def stages(self):
        """kwok's own, but for pods that are slow or kept back."""
        for path in sorted((self.definitions / "stages").glob("*.yaml")):
            stage = yaml.safe_load(path.read_text())
            name, spec = stage["metadata"]["name"], stage["spec"]
            if name in KEPT_BACK:
                spec["selector"]["matchExpressions"].append(
                    {"key": f'.metadata.annotations["{KEPT_BACK[name]}"]', "operator": "DoesNotExist"}
                )
            if name == "pod-delete":
                # As a grace period, in which all is heard of this pod: kwok deletes by name with
                # every change that it hears of, and could delete the next one with that name.
                spec["delay"] = {"durationMilliseconds": 1000}
            if name == "pod-ready":
                spec["delay"] = {"durationFrom": {"expressionFrom": f'.metadata.annotations["{READY_AFTER}"]'}}
            yield stage

    def apply_definitions(self):
        """What KEDA, cert-manager and the Prometheus operator define. None of them runs."""
        lists = []
        for path in sorted((self.definitions / "crds").glob("*.yaml")):
            definition = yaml.load(path.read_text(), yaml.CSafeLoader)
            self.api.create(definition)
            spec = definition["spec"]
            (version, *_) = [each["name"] for each in spec["versions"] if each["storage"]]
            lists.append(f"/apis/{spec['group']}/{version}/{spec['names']['plural']}")
        assert len(lists) >= 10, f"there are only {len(lists)} definitions in {self.definitions}"

        def are_served():
            return all(self.api.call("GET", path).status == 200 for path in lists)

        self.wait_for(f"{len(lists)} kinds of others", are_served)

    def wait_for(self, what, look, seconds=120):
        """For two minutes, unless a server has ended."""

        def look_and_check():
            for problem in self.processes.stopped():
                raise ServerEnded(problem)
            return look()

        wait_for(what, seconds, look_and_check)

    def are_nodes_ready(self):
        nodes = self.api.items("/api/v1/nodes")
        ready = [thing for thing in nodes if ("Ready", "True") in conditions(thing)]
        return len(ready) == len(ZONES) * NODES_OF_A_ZONE

    def node_zones(self):
        """The zone of each node, by its name."""
        nodes = self.api.items("/api/v1/nodes")
        return {n["metadata"]["name"]: n["metadata"]["labels"]["topology.kubernetes.io/zone"] for n in nodes}


def conditions(thing):
    found = thing.get("status", {}).get("conditions") or []
    return {(entry["type"], entry["status"]) for entry in found}


def node(name, zone):
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": zone,
                "topology.kubernetes.io/region": "eu-north-1",
            },
        },
    }


def kubeconfig(port, authority, token):
    return json.dumps({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "test", "cluster": {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(authority)}}
        ],
        "users": [{"name": "tester", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "tester"}}],
        "current-context": "test",
    })
