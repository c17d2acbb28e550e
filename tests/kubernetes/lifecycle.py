"""A release from its installation to its end, with both charts in one namespace.

Fed by Helm and the cluster; feeds the tally, and the stage with a transcript of the
installation. Each step waits for pods, as an operator would.
"""

import json
from concurrent.futures import ThreadPoolExecutor

from cluster import NEVER_ENDS, NEVER_READY, READY_AFTER
from disruptions import DisruptionCheck
from helm import AGENT, CONTROL_PLANE, GOLDEN, restricted_namespace, upgrade
from refusals import left_in
from tally import CheckFailed, wait_for
from transcript import PodTranscript

NAMESPACE = "postrider"
# More agents in a zone than may be missing at once.
REPLICAS, AGENTS = 3, 12
MAY_BE_MISSING = {CONTROL_PLANE: 1, AGENT: 3}
CHARTS = (CONTROL_PLANE, AGENT)
SLOWLY = f'--set-json=podAnnotations={{"{READY_AFTER}":"2s"}}'
WAIT = ("--rollback-on-failure", "--timeout=2m")
# What the control plane's README asks for before the installation.
GIVEN = {"postrider-database": {"url": "postgres://postrider@db.example/postrider"}, "postrider-keys": {"keys": "made up"}}


class ReleaseLife:
    """The steps, each of which needs the one before."""

    def __init__(self, cluster, helm, tally):
        self.cluster, self.api, self.helm, self.tally = cluster, cluster.api, helm, tally
        restricted_namespace(self.api, NAMESPACE)
        self.transcript = PodTranscript(cluster, NAMESPACE)

    def check(self):
        self.install()
        self.disrupt()
        self.for_both(self.fail)
        self.check_revisions("both are deployed again, as they were", 3)
        self.for_both(self.upgrade)
        self.check_revisions("both are upgraded", 4)
        self.for_both(self.roll_back)
        self.check_revisions("both are rolled back", 5)
        self.uninstall()

    def install(self):
        for name, data in GIVEN.items():
            self.api.create({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}, "stringData": data,
            })
        for chart, more in ((CONTROL_PLANE, []), (AGENT, [f"--set=replicas={AGENTS}"])):
            arguments = upgrade(NAMESPACE, chart, chart, GOLDEN / chart / "least.values.yaml", SLOWLY, *more, *WAIT)
            self.transcript.watched(f"{chart}, installed", arguments, lambda given=arguments: self.helm.expect(*given))
            self.transcript.add_objects(self.helm.documents("manifest", NAMESPACE, chart))
        self.check_order()
        self.check_revisions("both are installed, and ready", 1)
        zones = {self.cluster.node_zones()[pod["spec"]["nodeName"]] for pod in self.pods(CONTROL_PLANE)}
        self.tally.check("three replicas are in three zones", "" if len(zones) == REPLICAS else f"they are in {zones}")

    def check_order(self):
        lines = self.transcript.lines
        ended = [n for n, line in enumerate(lines) if "-migrate-" in line and "Succeeded" in line]
        begun = [n for n, line in enumerate(lines) if f"{CONTROL_PLANE}-0" in line]
        is_before = ended and begun and ended[0] < begun[0]
        self.tally.check("the migration has ended before replicas are made", "" if is_before else "\n".join(lines))

    def pods(self, chart):
        """Those that are to stay."""
        pods = self.api.pods(NAMESPACE, {"app.kubernetes.io/instance": chart, "app.kubernetes.io/name": chart})
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def identities(self, chart):
        return {pod["metadata"]["uid"] for pod in self.pods(chart)}

    def check_revisions(self, name, wanted):
        """The number of both releases' last revision, which is deployed."""
        found = json.loads(self.helm.expect("list", "--namespace", NAMESPACE, "--output", "json"))
        numbers = {each["name"]: (each["status"], int(each["revision"])) for each in found}
        right = {chart: ("deployed", wanted) for chart in CHARTS}
        self.tally.check(name, "" if numbers == right else f"{numbers} instead of {right}")

    def for_both(self, step):
        """The charts' releases do not wait for each other."""
        with ThreadPoolExecutor(len(CHARTS)) as threads:
            list(threads.map(step, CHARTS))

    def disrupt(self):
        for chart, wanted in ((CONTROL_PLANE, REPLICAS), (AGENT, AGENTS)):
            labels = {"app.kubernetes.io/instance": chart, "app.kubernetes.io/name": chart}
            check = DisruptionCheck(self.cluster, self.tally, NAMESPACE, labels, wanted)
            check.check_evictions(chart, MAY_BE_MISSING[chart])
            with self.cluster.nodes:
                check.check_drain(chart, wanted - MAY_BE_MISSING[chart])

    def fail(self, chart):
        """What fails is taken back, and no pod that ran is touched."""
        title, given = {
            CONTROL_PLANE: ("a migration that does not end", {"migration": {"podAnnotations": {NEVER_ENDS: "yes"}}}),
            AGENT: ("agents that do not become ready", {"podAnnotations": {NEVER_READY: "yes"}}),
        }[chart]
        before, file = self.identities(chart), self.cluster.folder / f"fails-{chart}.yaml"
        file.write_text(json.dumps(given))
        arguments = upgrade(NAMESPACE, chart, chart, "--reuse-values", file, "--rollback-on-failure", "--timeout=12s")
        done = self.helm.run(*arguments)
        problem = "" if done.returncode and "rolled back" in done.stderr else done.stderr + done.stdout
        lost = before - self.identities(chart)
        self.tally.check(f"{title}: the upgrade is rolled back", problem or (f"without {lost}" if lost else ""))

    def upgrade(self, chart):
        least = {CONTROL_PLANE: REPLICAS - MAY_BE_MISSING[CONTROL_PLANE], AGENT: AGENTS}[chart]
        component = {CONTROL_PLANE: "control-plane", AGENT: "agent"}[chart]
        before, watch = self.identities(chart), PodTranscript(self.cluster, NAMESPACE)
        arguments = upgrade(NAMESPACE, chart, chart, "--reuse-values", "--set=log.level=debug", *WAIT)
        watch.watched(f"{chart}, upgraded", arguments, lambda: self.helm.expect(*arguments))
        fewest = watch.least_ready[component]
        problem = "" if fewest >= least else "\n".join([f"{fewest} were", *watch.lines])
        self.tally.check(f"{chart}: {least} pods stay ready through an upgrade", problem)
        kept = before & self.identities(chart)
        self.tally.check(f"{chart}: every pod is a new one", f"{len(kept)} are not" if kept else "")
        self.check_level(chart, "debug")

    def check_level(self, chart, wanted):
        containers = [pod["spec"]["containers"][0] for pod in self.pods(chart)]
        levels = {variable["value"] for each in containers for variable in each["env"] if variable["name"] == "RUST_LOG"}
        self.tally.check(f"{chart}: all pods log at {wanted}", "" if levels == {wanted} else f"they log at {levels}")

    def roll_back(self, chart):
        """At once, while the pods of the upgrade are ready and not yet available."""
        self.helm.expect("rollback", chart, "1", "--namespace", NAMESPACE, "--wait", "--timeout=2m")
        jobs = self.api.items(f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs")
        self.tally.check(f"{chart}: a rollback migrates nothing", f"{len(jobs)} Jobs are there" if jobs else "")
        self.check_level(chart, "info")

    def uninstall(self):
        for chart in (AGENT, CONTROL_PLANE):
            self.helm.expect("uninstall", chart, "--namespace", NAMESPACE)
        meant = {f"Secret/{name}" for name in GIVEN}
        meant |= {f"{kind}/{CONTROL_PLANE}-migrate" for kind in ("ServiceAccount", "NetworkPolicy")}

        def is_gone():
            left = left_in(self.api, NAMESPACE)
            if left != meant:
                raise CheckFailed(f"{sorted(left - meant)} are left, {sorted(meant - left)} are gone")
            return True

        wait_for("nothing but what is meant to stay", 60, is_gone)
        self.tally.check(f"both are uninstalled, and leave {len(meant)} objects: {', '.join(sorted(meant))}")
