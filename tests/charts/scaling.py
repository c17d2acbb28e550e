"""What holds of what KEDA is given, and where its numbers come from.

Fed by the agents' chart, what it renders, and the simulation in
control-plane/domain/tests/scaling; feeds `run` with findings. Guarantees that the chart's
defaults are those under which agents were simulated, and that each trigger asks for its own
region, with the certificate that the control plane gives the role `autoscaler`.
"""

import json
import re

import yaml

from settings import TOP

CHART = TOP / "charts/postrider-agent"
SIMULATION = TOP / "control-plane/domain/tests/scaling"
# What KEDA calls the client's certificate, its key, and the authority of the one that it is shown.
PARAMETERS = ["caCert", "tlsClientCert", "tlsClientKey"]
CERTIFICATE_PATH = "/postrider/autoscaler"


def simulated(file, name):
    """A number of the simulation; times are in seconds."""
    text = (SIMULATION / file).read_text()
    found = re.search(rf"const {name}: \w+ = (?:Duration::from_secs\()?([0-9.]+)", text)
    assert found, f"{file} has no {name}"
    return float(found.group(1))


def default_findings():
    """Where the chart's defaults are not the simulation's."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())["autoscaling"]
    keda, behavior = values["keda"], values["behavior"]
    most = json.loads((CHART / "files/defaults.json").read_text())["work.max_in_flight"]
    # The simulation is smaller than what it stands for.
    scale = most / simulated("installation.rs", "AGENT_CAPACITY")
    up = {policy["type"]: policy["value"] for policy in behavior["scaleUp"]["policies"]}
    periods = {policy["periodSeconds"] for way in behavior.values() for policy in way["policies"]}
    window = behavior["scaleDown"]["stabilizationWindowSeconds"]
    pairs = {
        "keda.target": (keda["target"], simulated("autoscaler.rs", "TARGET_ATTEMPTS") * scale),
        "maxReplicas": (values["maxReplicas"], simulated("autoscaler.rs", "MAX_AGENTS")),
        "keda.pollingIntervalSeconds": (keda["pollingIntervalSeconds"], simulated("autoscaler.rs", "POLLING_INTERVAL")),
        "keda.cooldownPeriodSeconds": (keda["cooldownPeriodSeconds"], simulated("autoscaler.rs", "COOLDOWN_PERIOD")),
        "behavior.scaleUp: Pods": (up.get("Pods"), simulated("autoscaler.rs", "MAX_ADDED_AGENTS")),
        "behavior.scaleUp: Percent": (up.get("Percent"), 100),
        "behavior: periodSeconds": (periods, {simulated("autoscaler.rs", "SYNC_PERIOD")}),
        "behavior.scaleDown: window": (window, simulated("autoscaler.rs", "STABILIZATION_WINDOW")),
    }
    for name, (given, wanted) in pairs.items():
        if given != wanted:
            yield f"autoscaling.{name} is {given}, and {wanted} was simulated"


def trigger_findings(objects, case):
    """What is wrong with what KEDA is to ask, and with what it shows."""
    of_kind = {}
    for thing in objects:
        of_kind.setdefault(thing["kind"], {})[thing["metadata"]["name"]] = thing
    shown = of_kind.get("TriggerAuthentication", {})
    for name, scaled in of_kind.get("ScaledObject", {}).items():
        spec = scaled["spec"]
        target = of_kind["Deployment"][spec["scaleTargetRef"]["name"]]
        if "replicas" in target["spec"]:
            yield f"{case}: {name}: Helm gives a number, too"
        (trigger,) = spec["triggers"]
        metadata = trigger["metadata"]
        # Only this one opens StreamIsActive, by which a region wakes.
        if trigger["type"] != "external-push" or metadata["enableTLS"] != "true":
            yield f"{case}: {name}: the trigger is {trigger['type']}, with TLS: {metadata['enableTLS']}"
        if metadata["region"] != target["spec"]["selector"]["matchLabels"]["postrider/region"]:
            yield f"{case}: {name} asks for the region {metadata['region']}"
        if trigger["authenticationRef"]["name"] not in shown:
            yield f"{case}: {name} shows {trigger['authenticationRef']['name']}, which there is not"
    written = {thing["spec"]["secretName"]: thing["spec"] for thing in of_kind.get("Certificate", {}).values()}
    for name, authentication in shown.items():
        spec = authentication["spec"]
        targets = spec["secretTargetRef"] + spec.get("configMapTargetRef", [])
        if sorted(target["parameter"] for target in targets) != PARAMETERS:
            yield f"{case}: {name} gives {[target['parameter'] for target in targets]}"
        client = {t["name"] for t in targets if t["parameter"].startswith("tlsClient")}
        for certificate in (written[secret] for secret in client & written.keys()):
            (uri,) = certificate["uris"]
            if not uri.endswith(CERTIFICATE_PATH) or "client auth" not in certificate["usages"]:
                yield f"{case}: {name}: the certificate is of {uri}, for {certificate['usages']}"
        if len(client) != 1 or (written and not client & written.keys()):
            yield f"{case}: {name}: certificate and key are of {sorted(client)}"
