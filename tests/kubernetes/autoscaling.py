"""An autoscaler that sets the number of agents, and Helm beside it.

Fed by Helm, and by the autoscaler of Kubernetes' own controller manager; feeds the tally.
The autoscaler has no metrics here: it acts only where there are more agents than the most.
"""

import objects
from helm import AGENT, GOLDEN, restricted_namespace
from tally import wait_for

RELEASE, NAMESPACE = "scaled", "autoscaled"
BEFORE, MOST = 8, 5


def check_autoscaling(cluster, helm, tally):
    api, values = cluster.api, GOLDEN / AGENT / "least.values.yaml"
    restricted_namespace(api, NAMESPACE)
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{RELEASE}-{AGENT}-eu"
    by_hand = [f"--set=replicas={BEFORE}"]
    by_autoscaler = [*by_hand, "--set=autoscaling.type=hpa", f"--set=autoscaling.maxReplicas={MOST}"]

    def number():
        return api.get(path)["spec"]["replicas"]

    def check_number(name, wanted):
        found = number()
        tally.check(f"agents that are scaled: {name}: {wanted}", "" if found == wanted else f"there are {found}")

    helm.upgrade(NAMESPACE, RELEASE, AGENT, values, *by_hand)
    check_number("by hand", BEFORE)
    helm.upgrade(NAMESPACE, RELEASE, AGENT, values, *by_autoscaler)
    wait_for("an autoscaler that acts", 60, lambda: number() == MOST)
    check_number("by the autoscaler", MOST)
    owners = [(each["operation"], each.get("subresource")) for each in api.get(path)["metadata"]["managedFields"]
              if "f:replicas" in each["fieldsV1"].get("f:spec", {})]
    tally.check("the number is the autoscaler's", "" if owners == [("Update", "scale")] else f"it is of {owners}")
    helm.upgrade(NAMESPACE, RELEASE, AGENT, values, *by_autoscaler, "--set=log.level=debug")
    check_number("an upgrade leaves the number alone", MOST)
    (workload,) = objects.of_kind(helm.documents("manifest", NAMESPACE, RELEASE), "Deployment")
    tally.check("and gives none", f"{workload['spec']['replicas']}" if "replicas" in workload["spec"] else "")
    done = helm.run("rollback", RELEASE, "1", "--namespace", NAMESPACE)
    tally.check("a rollback to a number conflicts", "" if done.returncode and "conflict" in done.stderr else "it does not")
    helm.expect("rollback", RELEASE, "1", "--namespace", NAMESPACE, "--force-conflicts")
    check_number("by hand again, with --force-conflicts", BEFORE)
