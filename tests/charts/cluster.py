"""A stand-in for an API server, which answers what a rendering looks up.

Fed by the objects that are to be found; feeds `run` with a kubeconfig. Guarantees nothing of
what a real one does: it knows Deployments by their names, and nothing can be changed.
"""

import contextlib
import http.server
import json
import tempfile
import threading
from pathlib import Path

DEPLOYMENTS = "/apis/apps/v1/namespaces/postrider/deployments/"
# What the charts make of each group and version.
KINDS = {
    "v1": ["ServiceAccount", "Service"],
    "apps/v1": ["Deployment", "StatefulSet"],
    "autoscaling/v2": ["HorizontalPodAutoscaler"],
    "batch/v1": ["Job"],
    "cert-manager.io/v1": ["Certificate", "Issuer"],
    "keda.sh/v1alpha1": ["ScaledObject", "TriggerAuthentication"],
    "networking.k8s.io/v1": ["NetworkPolicy"],
    "policy/v1": ["PodDisruptionBudget"],
}


def plural(kind):
    return f"{kind.lower().removesuffix('y')}ies" if kind.endswith("y") else f"{kind.lower()}s"


def discovery():
    """What there is, as the paths of an API server tell it."""
    answers = {
        "/version": {"major": "1", "minor": "33", "gitVersion": "v1.33.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
    }
    groups = []
    for version, kinds in KINDS.items():
        resources = [
            {"name": plural(kind), "singularName": kind.lower(), "namespaced": True,
             "kind": kind, "verbs": ["get"]}
            for kind in kinds
        ]
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        answers[path] = {"kind": "APIResourceList", "groupVersion": version, "resources": resources}
        group, _, number = version.rpartition("/")
        if group:
            named = {"groupVersion": version, "version": number}
            groups.append({"name": group, "versions": [named], "preferredVersion": named})
    answers["/apis"] = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    return answers


def deployment(name, replicas, *owners):
    """A Deployment whose number is owned by some: each an operation and a subresource."""
    fields = {"f:spec": {"f:replicas": {}}}
    managed = [
        {"manager": "somebody", "operation": operation, "subresource": part, "fieldsV1": fields}
        for operation, part in owners
    ]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "postrider", "managedFields": managed},
        "spec": {"replicas": replicas},
    }


@contextlib.contextmanager
def serving(*deployments):
    """The path of a kubeconfig, with which these are found while the block runs."""
    answers = discovery()
    answers.update({DEPLOYMENTS + thing["metadata"]["name"]: thing for thing in deployments})

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = answers.get(self.path.partition("?")[0])
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            text = json.dumps(found or missing).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "kubeconfig"
            path.write_text(kubeconfig(f"http://127.0.0.1:{server.server_port}"))
            yield path
    finally:
        server.shutdown()
        server.server_close()


def kubeconfig(address):
    return json.dumps({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "stand-in", "cluster": {"server": address}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "stand-in", "context": {"cluster": "stand-in", "user": "nobody"}}],
        "current-context": "stand-in",
    })
