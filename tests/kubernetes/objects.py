"""What the server has made of what was rendered.

Fed by Helm's manifests and by the API server; feeds `matrix` with what is wrong. Guarantees
that every field which was rendered is looked for in the object that the server has.
"""

from api import is_ready
from tally import CheckFailed


def differences(rendered, live, path=""):
    """Where a rendered field is missing or another one. What the server added is left aside."""
    if rendered in (None, [], {}) and not live:
        return
    if isinstance(rendered, dict) and isinstance(live, dict):
        for name, value in rendered.items():
            yield from differences(value, live.get(name), f"{path}.{name}")
    elif isinstance(rendered, list) and isinstance(live, list) and len(rendered) == len(live):
        for number, (value, found) in enumerate(zip(rendered, live, strict=True)):
            yield from differences(value, found, f"{path}[{number}]")
    elif rendered != live and not is_same_quantity(path, rendered, live):
        yield f"{path}: {rendered!r} was rendered, and the server has {live!r}"


def is_same_quantity(path, rendered, live):
    """A quantity may be given as a number, and is text then."""
    return ".resources." in path and str(rendered) == live


def name_of(thing):
    return f"{thing['kind']}/{thing['metadata']['name']}"


def dropped(api, rendered):
    """What the server has not kept of a release's objects."""
    for thing in rendered:
        live = api.get(api.path_of(thing))
        if live is None:
            yield f"{name_of(thing)} is missing"
        else:
            yield from (f"{name_of(thing)}{text}" for text in differences(thing, live))


def of_kind(rendered, *kinds):
    return [thing for thing in rendered if thing["kind"] in kinds]


def wanted_pods(api, workload):
    """How many the workload is to have, as the server has it."""
    return api.get(api.path_of(workload))["spec"]["replicas"]


def all_ready(api, workloads):
    """Whether all pods of these are ready, and how many there are of each."""
    counts = {}
    for workload in workloads:
        pods = api.pods(workload["metadata"]["namespace"], workload["spec"]["selector"]["matchLabels"])
        wanted = wanted_pods(api, workload)
        counts[name_of(workload)] = wanted
        ready = [pod for pod in pods if is_ready(pod)]
        if len(ready) != wanted or len(pods) != wanted:
            events = api.items(f"/api/v1/namespaces/{workload['metadata']['namespace']}/events")
            said = {event["message"] for event in events if event["type"] == "Warning"}
            raise CheckFailed(f"{name_of(workload)}: {len(ready)} of {wanted} pods are ready\n" + "\n".join(sorted(said)))
    return counts


def service_findings(api, rendered):
    """A Service reaches every pod that it selects, at the ports that they have."""
    for service in of_kind(rendered, "Service"):
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        pods = [pod for pod in api.pods(namespace, service["spec"]["selector"]) if is_ready(pod)]
        collection = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        slices = api.items(f"{collection}?labelSelector=kubernetes.io%2Fservice-name%3D{name}")
        reached = {address for part in slices for end in part["endpoints"] or [] for address in end["addresses"]}
        if not pods or reached != {pod["status"]["podIP"] for pod in pods}:
            yield f"{name_of(service)} reaches {sorted(reached)}, and selects {len(pods)} pods that are ready"
        has = {port["containerPort"] for pod in pods for port in pod["spec"]["containers"][0]["ports"]}
        leads = {port["port"] for part in slices for port in part["ports"] or []}
        if len(leads) != len(service["spec"]["ports"]) or not leads <= has:
            yield f"{name_of(service)} leads to {leads}, and its pods have {has}"


def budget_findings(api, rendered, counts):
    """A budget is for the pods of its workload, and lets a node be emptied."""
    for budget in of_kind(rendered, "PodDisruptionBudget"):
        status = api.get(api.path_of(budget))["status"]
        (wanted,) = [n for name, n in counts.items() if name.endswith(f"/{budget['metadata']['name']}")]
        if status["expectedPods"] != wanted or (wanted and status["disruptionsAllowed"] < 1):
            missing = f"of which {status['disruptionsAllowed']} may be missing"
            yield f"{name_of(budget)} is for {status['expectedPods']} of {wanted} pods, {missing}"


def policy_findings(api, rendered, counts):
    """A policy is for pods that there are."""
    for policy in of_kind(rendered, "NetworkPolicy"):
        (wanted,) = [n for name, n in counts.items() if name.endswith(f"/{policy['metadata']['name']}")]
        pods = api.pods(policy["metadata"]["namespace"], policy["spec"]["podSelector"]["matchLabels"])
        if len(pods) != wanted:
            yield f"{name_of(policy)} is for {len(pods)} of {wanted} pods"


def scaling_findings(api, rendered):
    """What scales finds what it is to scale, and something to show the control plane."""
    for scaler in of_kind(rendered, "HorizontalPodAutoscaler", "ScaledObject"):
        target = {**scaler["spec"]["scaleTargetRef"], "metadata": {**scaler["metadata"]}}
        target["metadata"]["name"] = target["name"]
        if api.get(f"{api.path_of(target)}/scale") is None:
            yield f"{name_of(scaler)} scales {target['name']}, which is not there"
        for trigger in scaler["spec"].get("triggers", []):
            name = trigger["authenticationRef"]["name"]
            shown = {"apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication"}
            if api.get(api.path_of({**shown, "metadata": {**scaler["metadata"], "name": name}})) is None:
                yield f"{name_of(scaler)} shows {name}, which is not there"


def spread_findings(api, workloads, zones):
    """Pods are as far apart as their constraints ask, over nodes that they may be on."""
    for workload in workloads:
        template = workload["spec"]["template"]["spec"]
        for constraint in template.get("topologySpreadConstraints", []):
            pods = api.pods(workload["metadata"]["namespace"], workload["spec"]["selector"]["matchLabels"])
            by_node = [pod["spec"]["nodeName"] for pod in pods]
            is_zone = constraint["topologyKey"].endswith("/zone")
            places = [zones[node] for node in by_node] if is_zone else by_node
            possible = set(zones.values()) if is_zone else set(zones)
            counts = [places.count(place) for place in possible]
            if not template.get("affinity") and max(counts) - min(counts) > constraint["maxSkew"]:
                yield f"{name_of(workload)} is spread over {constraint['topologyKey']} as {sorted(counts)}"
