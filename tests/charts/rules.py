"""What holds of everything that the charts render.

Fed by the objects of one rendering; feeds `run` with findings, each a line that says where
and what. Guarantees what a comparison with an expected text does not: that the text was
right when it was written.
"""

import ipaddress
import re
import tomllib
import urllib.parse

from settings import TOP

HOOK = "helm.sh/hook"
WORKLOADS = ("StatefulSet", "Deployment", "Job")
MAX_LABEL_BYTES = 63
MIGRATION_SHARES = {f"app.kubernetes.io/{name}" for name in ("name", "instance", "part-of")}
POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name"
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def findings(objects, program, case):
    """Everything that is wrong with one rendering."""
    found = []
    checks = (
        names, isolation, variables, files, draining, selection, hooks, secrets, certificates,
        policies, denied_subnets, receiver_ports, control_plane_ports,
    )
    for rule in checks:
        found += [f"{case}: {rule.__name__}: {finding}" for finding in rule(objects, program)]
    return found


def name_of(thing):
    return f"{thing['kind']} {thing['metadata']['name']}"


def of_kind(objects, *kinds):
    return [thing for thing in objects if thing["kind"] in kinds]


def pod_of(workload):
    return workload["spec"]["template"]["spec"]


def is_hook(thing):
    return HOOK in thing["metadata"].get("annotations", {})


def names(objects, _):
    seen = set()
    for thing in objects:
        metadata = thing["metadata"]
        if metadata.get("namespace") != "postrider":
            yield f"{name_of(thing)} is not in the release's namespace"
        if len(metadata["name"]) > MAX_LABEL_BYTES:
            yield f"{name_of(thing)} has a long name"
        if name_of(thing) in seen:
            yield f"{name_of(thing)} stands there twice"
        seen.add(name_of(thing))
        if metadata.get("labels", {}).get("app.kubernetes.io/instance") != "postrider":
            yield f"{name_of(thing)} does not name its release"


def isolation(objects, _):
    """Pod Security's level "restricted", and what goes beyond it."""
    for workload in of_kind(objects, *WORKLOADS):
        pod = pod_of(workload)
        context = pod["securityContext"]
        wanted = [
            (context.get("runAsNonRoot") is True, "may run as root"),
            (context.get("runAsUser", 1) != 0, "runs as root"),
            (context.get("seccompProfile") == {"type": "RuntimeDefault"}, "has no seccomp profile"),
            (pod.get("enableServiceLinks") is False, "has variables of Services"),
            (not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), "uses the host's namespaces"),
            (bool(pod.get("serviceAccountName")), "names no ServiceAccount"),
            ("automountServiceAccountToken" in pod, "leaves the account's token to chance"),
        ]
        for container in pod["containers"]:
            own, resources = container["securityContext"], container["resources"]
            wanted += [
                (own.get("allowPrivilegeEscalation") is False, "may gain privileges"),
                (own.get("readOnlyRootFilesystem") is True, "has a root that can be written"),
                (own.get("capabilities") == {"drop": ["ALL"]}, "has capabilities"),
                ("memory" in resources.get("limits", {}), "has no limit of memory"),
                ("cpu" not in resources.get("limits", {}), "is throttled"),
                ({"cpu", "memory"} <= resources.get("requests", {}).keys(), "requests nothing"),
            ]
        yield from (f"{name_of(workload)} {what}" for holds, what in wanted if not holds)


def variables(objects, program):
    known = program.variables()
    for workload in of_kind(objects, *WORKLOADS):
        for container in pod_of(workload)["containers"]:
            given = [variable["name"] for variable in container["env"]]
            for name in given:
                if name.startswith("POSTRIDER_") and name not in known:
                    yield f"{name_of(workload)}: {name} is no setting"
                if given.count(name) > 1:
                    yield f"{name_of(workload)}: {name} stands there twice"
            for variable in container["env"]:
                for used in re.findall(r"(?<!\$)\$\(([A-Z_]+)\)", variable.get("value", "")):
                    if used not in given[: given.index(variable["name"])]:
                        yield f"{name_of(workload)}: {used} is used before it is given"


def files(objects, _):
    """Volumes are mounted, and files that settings name are in one."""
    for workload in of_kind(objects, *WORKLOADS):
        pod = pod_of(workload)
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        for container in pod["containers"]:
            mounts = container.get("volumeMounts", [])
            if {mount["name"] for mount in mounts} != volumes:
                yield f"{name_of(workload)}: what is mounted and what there is differ"
            folders = tuple(mount["mountPath"] + "/" for mount in mounts)
            for variable in container["env"]:
                value = variable.get("value", "")
                paths = value.split(",") if value.startswith("/etc/") else []
                for path in paths:
                    if not path.startswith(folders):
                        yield f"{name_of(workload)}: {variable['name']}: {path} is not mounted"


def draining(objects, program):
    """What is killed has had the time that it was given; what is probed is served."""
    section = "SERVER" if program.chart == "postrider-control-plane" else "AGENT"
    for workload in of_kind(objects, "StatefulSet", "Deployment"):
        pod = pod_of(workload)
        (container,) = pod["containers"]
        values = {variable["name"]: variable.get("value") for variable in container["env"]}
        sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        drain = int(values.get(f"{program.prefix}{section}__DRAIN_TIMEOUT_SECONDS", "0"))
        if not drain:
            yield f"{name_of(workload)} is not told how long it may drain"
        if pod["terminationGracePeriodSeconds"] < sleep + drain + 2:
            yield f"{name_of(workload)} is killed before it has drained"
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        listened = values.get(f"{program.prefix}{section}__METRICS_LISTEN", "").rpartition(":")[2]
        if str(ports["metrics"]) != listened:
            yield f"{name_of(workload)} serves metrics elsewhere"
        probes = ["livenessProbe", "readinessProbe", *container.keys() & {"startupProbe"}]
        for probe in probes:
            if container[probe]["httpGet"]["port"] != "metrics":
                yield f"{name_of(workload)}: {probe} asks at another port"


def selects(selector, labels):
    return selector.items() <= labels.items()


def ordinal_pods(objects):
    for workload in of_kind(objects, "StatefulSet"):
        for ordinal in range(workload["spec"]["replicas"]):
            yield f"{workload['metadata']['name']}-{ordinal}"


def selection(objects, _):
    """Selectors find pods of one workload that stays, and each of those has what is its own."""
    lasting = of_kind(objects, "StatefulSet", "Deployment")
    labels = {name_of(w): dict(w["spec"]["template"]["metadata"]["labels"]) for w in lasting}
    passing = [w["spec"]["template"]["metadata"]["labels"] for w in of_kind(objects, "Job")]
    for own in passing:
        alike = own.items() & set().union(*(other.items() for other in labels.values()))
        for name in dict(alike).keys() - MIGRATION_SHARES:
            yield f"the migration has the label {name} of those that stay"
    for workload in lasting:
        if not selects(workload["spec"]["selector"]["matchLabels"], labels[name_of(workload)]):
            yield f"{name_of(workload)} does not select its own pods"
    for thing in of_kind(objects, "Service", "PodDisruptionBudget", "NetworkPolicy"):
        if is_hook(thing):
            continue
        spec = thing["spec"]
        selector = spec["selector"] if thing["kind"] == "Service" else None
        selector = selector or spec.get("selector", spec.get("podSelector"))["matchLabels"]
        pod = selector.get(POD_NAME_LABEL)
        selector = {k: v for k, v in selector.items() if k != POD_NAME_LABEL}
        if pod and pod not in ordinal_pods(objects):
            yield f"{name_of(thing)} selects {pod}, which there is not"
        hit = [name for name, own in labels.items() if selects(selector, own)]
        if len(hit) != 1:
            yield f"{name_of(thing)} selects {hit}"
        if any(selects(selector, own) for own in passing):
            yield f"{name_of(thing)} selects the migration"


def hooks(objects, _):
    """A hook needs nothing of the release that is made after it, and has it until it is over."""
    later = {name_of(thing) for thing in objects if not is_hook(thing)}
    for thing in objects:
        policy = thing["metadata"].get("annotations", {}).get(f"{HOOK}-delete-policy")
        if is_hook(thing) and thing["kind"] != "Job" and policy != "before-hook-creation":
            yield f"{name_of(thing)} goes while the Job may need it"
    for job in of_kind(objects, "Job"):
        if not is_hook(job):
            yield f"{name_of(job)} is no hook"
        pod = pod_of(job)
        used = {f"ServiceAccount {pod['serviceAccountName']}"}
        for volume in pod.get("volumes", []):
            used |= {f"Secret {volume['secret']['secretName']}"} if "secret" in volume else set()
            used |= {f"ConfigMap {volume['configMap']['name']}"} if "configMap" in volume else set()
        yield from (f"{name_of(job)} needs {thing}, which is made later" for thing in used & later)


def secrets(objects, _):
    """No secret stands in what is rendered, and each Certificate's secret is used."""
    yield from (f"{name_of(thing)} holds a secret" for thing in of_kind(objects, "Secret"))
    used = set()
    for workload in of_kind(objects, *WORKLOADS):
        for volume in pod_of(workload).get("volumes", []):
            if "secret" in volume:
                used.add(volume["secret"]["secretName"])
            mode = volume.get("secret", volume.get("configMap", {})).get("defaultMode", 0o440)
            if mode & 0o027:
                yield f"{name_of(workload)}: others can read {volume['name']}"
    for issuer in of_kind(objects, "Issuer"):
        used.add(issuer["spec"].get("ca", {}).get("secretName"))
    for trigger in of_kind(objects, "TriggerAuthentication"):
        used |= {target["name"] for target in trigger["spec"]["secretTargetRef"]}
    written = [certificate["spec"]["secretName"] for certificate in of_kind(objects, "Certificate")]
    for name in written:
        if name not in used:
            yield f"Secret {name}: nobody uses it"
        if written.count(name) > 1:
            yield f"Secret {name}: several certificates are written into it"


def is_name_of_service(name):
    return "." not in name or name.endswith(".svc") or ".svc." in name or name.count(".") == 1


def certificates(objects, program):
    """Only the issuer of the agents' port, which is private, is asked for names of Services."""
    if program.chart != "postrider-control-plane":
        return
    found = {thing["metadata"]["name"]: thing["spec"] for thing in of_kind(objects, "Certificate")}
    issuers = {name.rpartition("-")[2]: spec["issuerRef"] for name, spec in found.items()}
    for name, spec in found.items():
        if spec["issuerRef"] == issuers["agents"] or spec.get("isCA"):
            continue
        if not spec.get("dnsNames"):
            yield f"Certificate {name} has no name"
        for dns_name in filter(is_name_of_service, spec.get("dnsNames", [])):
            yield f"Certificate {name} asks a public issuer for {dns_name}"


def translated(subnet):
    """A subnet of IPv4 as NAT64 has it."""
    first = int(NAT64.network_address) | int(subnet.network_address)
    return ipaddress.ip_network((first, NAT64.prefixlen + subnet.prefixlen))


def with_nat64(subnets):
    """Subnets, and what NAT64 makes of those of IPv4."""
    return subnets | {translated(subnet) for subnet in subnets if subnet.version == 4}


def guard_ranges():
    """The ranges that the guard refuses. Its own tests compare its tables with these cases."""
    cases = tomllib.loads((TOP / "agent/src/address_guard/cases.toml").read_text())
    return with_nat64({ipaddress.ip_network(case["subnet"]) for case in cases["range"]})


def public_blocks(rule):
    """The blocks of a rule that are all public addresses of a kind, with what is not."""
    for peer in rule.get("to", []):
        block = peer.get("ipBlock", {})
        whole = ipaddress.ip_network(block.get("cidr", "127.0.0.1"))
        if whole.prefixlen < 4 or whole == NAT64:
            yield whole, {ipaddress.ip_network(text) for text in block.get("except", [])}


def is_in(part, whole):
    return part.version == whole.version and part.subnet_of(whole)


def policies(objects, program):
    """Agents reach public addresses without those that the guard refuses."""
    for policy in of_kind(objects, "NetworkPolicy"):
        if {"Ingress", "Egress"} != set(policy["spec"]["policyTypes"]):
            yield f"{name_of(policy)} leaves a direction open"
        if program.chart != "postrider-agent":
            continue
        public = set()
        for rule in policy["spec"]["egress"]:
            for peer in rule.get("to", []):
                block = peer.get("ipBlock", {})
                for text in block.get("except", []):
                    whole, part = ipaddress.ip_network(block["cidr"]), ipaddress.ip_network(text)
                    if part == whole or not is_in(part, whole):
                        yield f"{name_of(policy)}: {text} is not in {whole}"
            for whole, refused in public_blocks(rule):
                public.add(whole)
                for part in guard_ranges() - refused:
                    if is_in(part, whole):
                        yield f"{name_of(policy)} lets {part} be reached"
        denied = denied_by(settings_of(policy, objects), program)
        wanted = {ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("2000::/3")}
        wanted |= set() if any(is_in(NAT64, subnet) for subnet in denied) else {NAT64}
        if public != wanted:
            yield f"{name_of(policy)} takes {public} for public"


def settings_of(policy, objects):
    """The variables of the Deployment whose pods a policy is for."""
    name = policy["metadata"]["name"]
    pods = [pod_of(w) for w in of_kind(objects, "Deployment") if w["metadata"]["name"] == name]
    ((container,),) = (pod["containers"] for pod in pods)
    return {variable["name"]: variable.get("value") for variable in container["env"]}


def denied_by(settings, program):
    """The subnets that the guard is told to refuse."""
    told = settings.get(f"{program.prefix}RECEIVERS__DENY_SUBNETS", "").split(",")
    return with_nat64({ipaddress.ip_network(text) for text in told if text})


def denied_subnets(objects, program):
    """What the guard is told to refuse, the policy opens to nobody, and the other way round."""
    if program.chart != "postrider-agent":
        return
    for policy in of_kind(objects, "NetworkPolicy"):
        denied = denied_by(settings_of(policy, objects), program)
        peers = [peer for rule in policy["spec"]["egress"] for peer in rule.get("to", [])]
        for block in (peer["ipBlock"] for peer in peers if "ipBlock" in peer):
            whole = ipaddress.ip_network(block["cidr"])
            kept = {ipaddress.ip_network(text) for text in block.get("except", [])}
            inside = {part for part in denied if is_in(part, whole)}
            for part in inside - kept:
                yield f"{name_of(policy)} lets {part} be reached, which the guard refuses"
            for part in kept - inside - guard_ranges():
                yield f"{name_of(policy)} refuses {part}, of which the guard is not told"


def receiver_ports(objects, program):
    """The policy opens allowed ports to receivers, and the guard is told the same."""
    if program.chart != "postrider-agent":
        return
    for policy in of_kind(objects, "NetworkPolicy"):
        told = settings_of(policy, objects).get(f"{program.prefix}RECEIVERS__ALLOWED_PORTS", "")
        wanted = [tuple(int(end) for end in part.split("-")) for part in told.split(",") if part]
        public = [rule for rule in policy["spec"]["egress"] if list(public_blocks(rule))]
        opened = [
            tuple(entry[end] for end in ("port", "endPort") if end in entry)
            for entry in public[-1]["ports"]
        ]
        if opened != (wanted or [()]):
            yield f"{name_of(policy)} opens {opened}, and the guard {wanted}"


def control_plane_ports(objects, program):
    """The policy has the ports of the control plane's URLs, and for whoever is named by them."""
    if program.chart != "postrider-agent":
        return
    for policy in of_kind(objects, "NetworkPolicy"):
        values = settings_of(policy, objects)
        for text in values[f"{program.prefix}CONTROL_PLANE__URLS"].split(","):
            url = urllib.parse.urlsplit(text)
            rules = [r for r in policy["spec"]["egress"] if has_port(r, url.port)]
            if not any(is_of_control_plane(rule) for rule in rules):
                yield f"{name_of(policy)} keeps agents from the control plane at {url.port}"
            is_public = any(list(public_blocks(rule)) for rule in rules)
            if not is_name_of_service(url.hostname) and not is_public:
                yield f"{name_of(policy)} keeps agents from {text}"


def has_port(rule, port):
    return any(entry.get("port", port) == port for entry in rule.get("ports") or [{}])


def is_of_control_plane(rule):
    """Whether it is about more than public addresses."""
    return not list(public_blocks(rule))
