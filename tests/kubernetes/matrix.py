"""Every file of values that is to be accepted, installed.

Fed by tests/golden, Helm and the cluster; feeds the tally. Guarantees that each is in a
namespace of its own, which admits only restricted pods.
"""

import objects
from helm import AGENT, CONTROL_PLANE, GOLDEN, restricted_namespace
from tally import CheckFailed, wait_for

# What values name and charts do not make.
SERVICE_ACCOUNT, PRIORITY_CLASS = "webhooks", "payments"
RELEASE = "postrider"


class ValuesMatrix:
    """The files of values of both charts."""

    def __init__(self, cluster, helm, tally):
        self.cluster, self.api, self.helm, self.tally = cluster, cluster.api, helm, tally

    def check(self):
        self.api.create({
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": PRIORITY_CLASS},
            "value": 1000,
        })
        for chart in (CONTROL_PLANE, AGENT):
            cases = sorted((GOLDEN / chart).glob("*.values.yaml"))
            self.tally.check(f"{chart}: {len(cases)} files of values", "" if cases else "there are none")
            for values in cases:
                name = f"{chart.removeprefix('postrider-')}: {values.name.removesuffix('.values.yaml')}"
                with self.cluster.nodes:
                    self.tally.attempt(name, self.check_values, name, chart, values)

    def check_values(self, name, chart, values):
        api, namespace = self.api, restricted_namespace(self.api, name.replace(": ", "-"))
        api.create({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": SERVICE_ACCOUNT, "namespace": namespace},
        })
        self.helm.upgrade(namespace, RELEASE, chart, values)
        rendered = self.helm.documents("manifest", namespace, RELEASE)
        hooks = self.helm.documents("hooks", namespace, RELEASE)
        self.check_kept(name, rendered, hooks)
        workloads = objects.of_kind(rendered, "Deployment", "StatefulSet")
        counts = wait_for("pods that are ready", 60, lambda: objects.all_ready(api, workloads))
        self.tally.check(f"{name}: {sum(counts.values())} pods are admitted as restricted, and ready")
        self.check_around(name, rendered, workloads, counts)
        self.check_again(name, namespace, chart, values, rendered)

    def check_kept(self, name, rendered, hooks):
        """The Job of the migration is gone, once it has ended well."""
        jobs, kept = objects.of_kind(hooks, "Job"), [hook for hook in hooks if hook["kind"] != "Job"]
        problems = list(objects.dropped(self.api, rendered + kept))
        problems += [f"{objects.name_of(job)} is still there" for job in jobs if self.api.get(self.api.path_of(job))]
        self.tally.check(f"{name}: {len(rendered)} objects are as rendered, and {len(hooks)} hooks", "\n".join(problems))

    def check_around(self, name, rendered, workloads, counts):
        """What other objects say of the pods. Controllers take a moment."""
        api, zones = self.api, self.cluster.node_zones()

        def nothing_is_wrong():
            problems = [
                *objects.service_findings(api, rendered),
                *objects.budget_findings(api, rendered, counts),
                *objects.policy_findings(api, rendered, counts),
                *objects.scaling_findings(api, rendered),
                *objects.spread_findings(api, workloads, zones),
            ]
            if problems:
                raise CheckFailed("\n".join(problems))
            return True

        wait_for("objects that fit their pods", 15, nothing_is_wrong)
        self.tally.check(f"{name}: Services, budgets, policies, scaling and spread fit the pods")

    def check_again(self, name, namespace, chart, values, rendered):
        """The same values once more change nothing."""
        api = self.api
        before = [api.get(api.path_of(thing))["metadata"].get("generation") for thing in rendered]
        self.helm.upgrade(namespace, RELEASE, chart, values)
        after = [api.get(api.path_of(thing))["metadata"].get("generation") for thing in rendered]
        changed = [objects.name_of(t) for t, old, new in zip(rendered, before, after, strict=True) if old != new]
        self.tally.check(f"{name}: the same values again change nothing", "\n".join(changed))
