"""What is to be refused, and what is left of it.

Fed by tests/golden: `refused` has what a chart refuses before anything is sent, in the form
that tests/charts/run describes; `refused-by-server` has, in the same form, what a chart cannot
know. Feeds the tally. Guarantees that nothing of a refused release is there afterwards, but
what the hooks of the migration are meant to leave.
"""

import yaml

import objects
from helm import AGENT, CONTROL_PLANE, GOLDEN, restricted_namespace, upgrade
from tally import CheckFailed, wait_for

REFUSED_MARK = "# refused: "
RELEASE = "refused"
# What charts make, and what is made of that.
KINDS = (
    ("v1", "Pod"), ("v1", "Service"), ("v1", "ServiceAccount"), ("v1", "Secret"), ("v1", "ConfigMap"),
    ("v1", "PersistentVolumeClaim"), ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "ReplicaSet"),
    ("apps/v1", "ControllerRevision"), ("autoscaling/v2", "HorizontalPodAutoscaler"), ("batch/v1", "Job"),
    ("cert-manager.io/v1", "Certificate"), ("cert-manager.io/v1", "Issuer"), ("keda.sh/v1alpha1", "ScaledObject"),
    ("keda.sh/v1alpha1", "TriggerAuthentication"), ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"), ("discovery.k8s.io/v1", "EndpointSlice"),
)


def left_in(api, namespace):
    """The names of all that is in a namespace, but for what every namespace has."""
    names = set()
    for version, kind in KINDS:
        collection = api.collection_of({"apiVersion": version, "kind": kind, "metadata": {"namespace": namespace}})
        names |= {f"{kind}/{thing['metadata']['name']}" for thing in api.items(collection)}
    return names - {"ServiceAccount/default"}


def cases(folder):
    """Each document to be refused: its name, the words of the error, and files of values' texts."""
    for path in sorted(folder.glob("*.yaml")):
        head, *rest = path.read_text().split("\n---\n")
        for text in rest or [head]:
            words = text.splitlines()[0].removeprefix(REFUSED_MARK)
            yield f"{path.stem}: {words}", words, [head, text] if rest else [text]


class RefusalCheck:
    """One chart's refusals, in a namespace of its own."""

    def __init__(self, cluster, helm, tally, chart):
        self.api, self.helm, self.tally, self.chart = cluster.api, helm, tally, chart
        self.files = cluster.folder / f"refused-{chart}"
        self.files.mkdir()
        self.namespace = restricted_namespace(cluster.api, f"refused-{chart}")

    def problem(self, words, texts, *more):
        """What is wrong with how these values are refused."""
        given = []
        for number, text in enumerate(texts):
            given.append(self.files / f"{number}.yaml")
            given[-1].write_text(text)
        done = self.helm.run(*upgrade(self.namespace, RELEASE, self.chart, *given, *more))
        if not done.returncode:
            return "it is installed"
        return "" if words in done.stderr else f"not for {words!r}:\n{done.stderr}"

    def check_by_chart(self):
        """Those of tests/charts/run, with a server that could be changed."""
        refused = list(cases(GOLDEN / self.chart / "refused"))
        for name, words, texts in refused:
            problem = self.problem(words, texts)
            if problem:
                self.tally.check(f"{self.chart}: {name} is refused", problem)
        left = left_in(self.api, self.namespace) if refused else ["there are none"]
        self.tally.check(f"{self.chart}: {len(refused)} values are refused, and nothing is left", "\n".join(left))

    def check_by_server(self):
        refused = list(cases(GOLDEN / self.chart / "refused-by-server"))
        self.tally.check(f"{self.chart}: {len(refused)} values for the server", "" if refused else "there are none")
        for name, words, texts in refused:
            name = f"{self.chart}: {name} is refused by the server"
            problem = self.problem(words, texts, "--rollback-on-failure", "--timeout=1m")
            if problem:
                self.tally.check(name, problem)
                continue
            self.tally.attempt(name, self.check_empty, name)

    def check_empty(self, name):
        wait_for("an empty namespace", 30, self.is_empty)
        self.tally.check(name)

    def is_empty(self):
        """But for what the migration's hooks leave: a Job that failed is to be looked at."""
        hooks = {f"{kind}/{RELEASE}-{CONTROL_PLANE}-migrate" for kind in ("ServiceAccount", "NetworkPolicy")}
        left = left_in(self.api, self.namespace) - hooks
        if left:
            raise CheckFailed(", ".join(sorted(left)))
        return True


def check_admission(cluster, tally):
    """That namespaces are as strict as they seem: the charts' own pods, with a little more."""
    namespace = restricted_namespace(cluster.api, "strict")
    golden = yaml.safe_load_all((GOLDEN / AGENT / "least.yaml").read_text())
    (workload,) = objects.of_kind([thing for thing in golden if thing], "Deployment")
    spec = {**workload["spec"]["template"]["spec"], "serviceAccountName": "default"}
    wait_for("an account", 30, lambda: cluster.api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default"))
    for name, more, status in (
        ("as it is", {}, 201),
        ("with a folder of the node", {"volumes": [*spec["volumes"], {"name": "node", "hostPath": {"path": "/"}}]}, 403),
        ("on the node's network", {"hostNetwork": True}, 403),
    ):
        metadata = {"name": "agent", "namespace": namespace}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**spec, **more}}
        answer = cluster.api.call("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldValidation=Strict", pod)
        problem = "" if answer.status == status else f"{answer.status}: {answer.body}"
        tally.check(f"an agent's pod {name} is answered {status}", problem)


def check_refusals(cluster, helm, tally):
    check_admission(cluster, tally)
    for chart in (CONTROL_PLANE, AGENT):
        check = RefusalCheck(cluster, helm, tally, chart)
        check.check_by_chart()
        check.check_by_server()
