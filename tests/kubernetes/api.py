"""The API server over HTTPS, with nothing but Python.

Fed by the address and the token that `cluster` gives; feeds every check with what the server
has. Guarantees that an answer is the server's own: nothing is remembered but paths of kinds.
"""

import http.client
import json
import ssl
import threading

from tally import CheckFailed

MERGE_PATCH = "application/merge-patch+json"
STRICT = "fieldValidation=Strict"


class ApiAnswer:
    """A status, what came with it, and warnings."""

    def __init__(self, status, body, warnings):
        self.status, self.body, self.warnings = status, body, warnings

    def expect(self, *statuses):
        """The body, if the status is one of these."""
        if self.status not in statuses:
            raise CheckFailed(f"the API server answers {self.status}: {self.body.get('message', self.body)}")
        return self.body


class ApiClient:
    """A connection for each thread."""

    def __init__(self, port, authority, token):
        self.port, self.authority, self.token = port, authority, token
        self.connections = threading.local()
        self.kinds = {}

    def connection(self):
        if not hasattr(self.connections, "open"):
            context = ssl.create_default_context(cafile=self.authority)
            self.connections.open = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=context)
        return self.connections.open

    def call(self, method, path, body=None, content_type="application/json"):
        """Asks once; a connection that the server has closed is opened again."""
        text = body if isinstance(body, (str, bytes, type(None))) else json.dumps(body)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        for attempt in (1, 2):
            connection = self.connection()
            try:
                connection.request(method, path, text, headers)
                answer = connection.getresponse()
                read = answer.read()
                break
            except (http.client.HTTPException, OSError) as problem:
                connection.close()
                if attempt == 2:
                    raise CheckFailed(f"{method} {path}: {problem!r}") from problem
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        found = json.loads(read) if is_json else {"message": read.decode(errors="replace")}
        return ApiAnswer(answer.status, found, answer.headers.get_all("Warning") or [])

    def get(self, path):
        """What is there, or None."""
        answer = self.call("GET", path)
        return None if answer.status == 404 else answer.expect(200)

    def items(self, path):
        """The members of a list. Lists leave their members' kind out."""
        return self.call("GET", path).expect(200)["items"]

    def path_of(self, thing):
        """Where an object is, as the server's own discovery has it."""
        collection = self.collection_of(thing)
        return f"{collection}/{thing['metadata']['name']}"

    def collection_of(self, thing):
        version, kind = thing["apiVersion"], thing["kind"]
        prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self.kinds:
            for resource in self.call("GET", prefix).expect(200)["resources"]:
                if "/" not in resource["name"]:
                    self.kinds[(version, resource["kind"])] = (resource["name"], resource["namespaced"])
        if (version, kind) not in self.kinds:
            raise CheckFailed(f"the server knows no {kind} of {version}")
        plural, is_namespaced = self.kinds[(version, kind)]
        if not is_namespaced:
            return f"{prefix}/{plural}"
        return f"{prefix}/namespaces/{thing['metadata']['namespace']}/{plural}"

    def create(self, thing):
        return self.call("POST", f"{self.collection_of(thing)}?{STRICT}", thing).expect(201)

    def pods(self, namespace, labels=None):
        """The pods of a namespace, or those of them with all of these labels."""
        selector = ",".join(f"{name}%3D{value}" for name, value in (labels or {}).items())
        return self.items(f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")

    def evict(self, pod):
        """The status with which the Eviction API answers."""
        metadata = {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction"
        return self.call("POST", path, body).status


def is_ready(pod):
    """Whether a pod runs, is ready, and is to stay."""
    status = pod.get("status", {})
    ready = {entry["type"]: entry["status"] for entry in status.get("conditions", [])}
    is_to_stay = "deletionTimestamp" not in pod["metadata"]
    return status.get("phase") == "Running" and ready.get("Ready") == "True" and is_to_stay
