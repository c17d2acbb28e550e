"""KEDA's operator and adapter beside the API server.

Fed by the programs and definitions that tests/kubernetes/keda/build makes; feeds the scenario
with a KEDA that acts. Guarantees that both listen on loopback only. They have an
administrator's rights: what KEDA's own roles allow is not tested.
"""

import base64
from pathlib import Path

import yaml

from processes import free_port

NAMESPACE, ADAPTER = "keda", "keda-operator-metrics-apiserver"
METRICS = "/apis/external.metrics.k8s.io/v1beta1"
OTHERS = [f"/apis/eventing.keda.sh/v1alpha1/{kind}" for kind in ("cloudeventsources", "clustercloudeventsources")]


def aggregation_arguments(authority):
    """What the API server needs to send its callers on to the adapter."""
    certificate, key = authority.issue("front-proxy")
    return [
        f"--requestheader-client-ca-file={authority.certificate}", "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={certificate}", f"--proxy-client-key-file={key}",
    ]


class KedaInstallation:
    """What KEDA's own manifests would install."""

    def __init__(self, cluster, programs, authority):
        self.cluster, self.programs, self.authority = cluster, Path(programs), authority
        self.folder = cluster.folder / "keda"

    def start(self):
        self.write_certificates()
        api = self.cluster.api
        api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        for path in sorted((self.programs / "crds").glob("eventing.keda.sh_*.yaml")):
            api.create(yaml.load(path.read_text(), yaml.CSafeLoader))
        # Without them the operator ends.
        self.cluster.wait_for("KEDA's other kinds", lambda: all(api.call("GET", path).status == 200 for path in OTHERS))
        metrics_service, adapter = free_port(), free_port()
        self.start_operator(metrics_service)
        self.start_adapter(metrics_service, adapter)
        self.register_adapter(adapter)
        self.cluster.wait_for("the adapter at the API server", lambda: api.call("GET", METRICS).status == 200)

    def write_certificates(self):
        """As the secret of KEDA's certificates is mounted."""
        self.folder.mkdir()
        names = ("IP:127.0.0.1", f"DNS:{ADAPTER}.{NAMESPACE}.svc")
        certificate, key = self.authority.issue("keda-operator", *names)
        for source, name in ((certificate, "tls.crt"), (key, "tls.key"), (self.authority.certificate, "ca.crt")):
            (self.folder / name).write_bytes(source.read_bytes())

    def start_operator(self, metrics_service):
        self.start_program(
            "keda-operator", "--enable-prometheus-metrics=false", f"--cert-dir={self.folder}",
            f"--metrics-service-bind-address=127.0.0.1:{metrics_service}",
            f"--health-probe-bind-address=127.0.0.1:{free_port()}", "--zap-encoder=console",
        )

    def start_adapter(self, metrics_service, port):
        kubeconfig = self.cluster.kubeconfig
        roles = ("lister", "authentication", "authorization")
        self.start_program(
            "keda-adapter", *(f"--{role}-kubeconfig={kubeconfig}" for role in roles),
            "--bind-address=127.0.0.1", f"--secure-port={port}", f"--port={free_port()}",
            f"--cert-dir={self.folder}", f"--client-ca-file={self.folder}/ca.crt",
            f"--tls-cert-file={self.folder}/tls.crt", f"--tls-private-key-file={self.folder}/tls.key",
            f"--metrics-service-address=127.0.0.1:{metrics_service}",
        )

    def start_program(self, name, *arguments):
        settings = {
            "KUBECONFIG": self.cluster.kubeconfig, "WATCH_NAMESPACE": "",
            "POD_NAMESPACE": NAMESPACE, "KEDA_CLUSTER_OBJECT_NAMESPACE": NAMESPACE,
        }
        environment = [f"{setting}={value}" for setting, value in settings.items()]
        self.cluster.processes.start_server(name, "env", *environment, self.programs / name, *arguments)

    def register_adapter(self, port):
        """An external name, since no Service may lead to loopback by addresses."""
        api, place = self.cluster.api, {"name": ADAPTER, "namespace": NAMESPACE}
        api.create({
            "apiVersion": "v1", "kind": "Service", "metadata": place,
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        })
        api.create({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": {"name": "v1beta1.external.metrics.k8s.io"},
            "spec": {
                "service": {**place, "port": port}, "group": "external.metrics.k8s.io", "version": "v1beta1",
                "groupPriorityMinimum": 100, "versionPriority": 100,
                "caBundle": base64_of(self.authority.certificate.read_bytes()),
            },
        })


def base64_of(content):
    return base64.b64encode(content).decode()
