"""What holds of the alerts and the dashboard in the control plane's chart.

Fed by their files, by docs/alerts.md, docs/metrics.md and tests/telemetry/alerts.test.yaml; feeds
`run` with findings. Guarantees that each alert says how bad it is and where it is described, that
its description names calls that there are, that it is tested, and that nothing asks for a metric
that no program has. Whether an expression returns something, tests/e2e/metrics asks a real
Prometheus of running programs.
"""

import json
import re

import yaml

from settings import TOP

CHART = TOP / "charts/postrider-control-plane"
ALERTS = CHART / "files/alerts.yaml"
DASHBOARD = CHART / "files/dashboard.json"
ALERTS_PAGE = TOP / "docs/alerts.md"
METRICS_PAGE = TOP / "docs/metrics.md"
ALERT_TESTS = TOP / "tests/telemetry/alerts.test.yaml"
PAGE_URL = "https://github.com/postrider/postrider/blob/main/docs/alerts.md"
SEVERITIES = ("critical", "warning")
# What a histogram's series have after the name of their family.
SERIES_SUFFIX = re.compile(r"_(bucket|count|sum)$")
OWN_METRIC = re.compile(r"\b(?:postrider|rpc_server|http_client|dns|db_client|process)_\w+")
# What nobody would notice by itself: that something is wrong in the database.
DAMAGE_METRICS = ("postrider_unreadable_rows", "postrider_audit_alarms_total")
# Labels that look like metrics.
LABEL_WORDS = ("rpc_method", "rpc_response_status_code", "rpc_system_name")


def findings():
    """Everything that is wrong."""
    alerts = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    checks = (descriptions(alerts), tests_of(alerts), metrics(alerts), panels())
    return [finding for check in checks for finding in check]


def descriptions(alerts):
    """Each alert has a severity, words, and a part of the page with calls."""
    page = ALERTS_PAGE.read_text()
    parts = {part.partition("\n")[0]: part for part in page.split("\n## ")[1:]}
    names = [alert["alert"] for alert in alerts]
    yield from (f"docs/alerts.md: {name} is no alert" for name in parts.keys() - set(names))
    for name in {name for name in names if names.count(name) > 1}:
        yield f"{name} is there twice"
    for alert in alerts:
        name, notes = alert["alert"], alert["annotations"]
        severity = alert["labels"].get("severity")
        if severity not in SEVERITIES:
            yield f"{name} has the severity {severity}"
        yield from (f"{name} has no {word}" for word in ("summary", "description") if not notes.get(word))
        if notes.get("runbook_url") != f"{PAGE_URL}#{name.lower()}":
            yield f"{name} leads to {notes.get('runbook_url')}"
        part = parts.get(name, "")
        if not part:
            yield f"docs/alerts.md has nothing about {name}"
        elif f"**{severity}**" not in part or "grpcurl " not in part:
            yield f"docs/alerts.md: {name} lacks its severity or the calls to make"
    yield from unknown_calls(page)


def unknown_calls(page):
    """Calls of the page that no proto has."""
    protos = "\n".join(path.read_text() for path in (TOP / "proto").rglob("*.proto"))
    for service, method in set(re.findall(r"postrider\.v1\.(\w+)/(\w+)", page)):
        if f"service {service} " not in protos or f"rpc {method}(" not in protos:
            yield f"docs/alerts.md: there is no {service}/{method}"


def tests_of(alerts):
    """Each alert is seen to fire, and to be silent before."""
    cases = [case for test in yaml.safe_load(ALERT_TESTS.read_text())["tests"] for case in test["alert_rule_test"]]
    for alert in alerts:
        own = [case for case in cases if case["alertname"] == alert["alert"]]
        if not any(case.get("exp_alerts") for case in own):
            yield f"{alert['alert']} is not seen to fire in {ALERT_TESTS.name}"
        if all(case.get("exp_alerts") for case in own):
            yield f"{alert['alert']} is not seen to be silent in {ALERT_TESTS.name}"


def expressions(alerts):
    """Every expression and where it stands."""
    for alert in alerts:
        yield alert["alert"], alert["expr"]
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            yield f"panel {panel['title']}", target["expr"]


def metrics(alerts):
    """Nothing asks for a metric that docs/metrics.md does not list, which running programs check."""
    known = set(re.findall(r"^\| `[^`]+` \| `(\w+)` \|", METRICS_PAGE.read_text(), re.M))
    for where, expression in expressions(alerts):
        # Words in quotes are values of labels, and those in grouping are labels.
        bare = re.sub(r'"[^"]*"', "", expression)
        bare = re.sub(r"\b(by|on) \([^)]*\)", "", bare)
        bare = re.sub(r"\{[^}]*\}", "", bare)
        for name in set(OWN_METRIC.findall(bare)) - set(LABEL_WORDS):
            if name not in known and SERIES_SUFFIX.sub("", name) not in known:
                yield f"{where}: there is no metric {name}"


def panels():
    """No two panels have one id or one place, and signs of damage have one each."""
    all_panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = [target["expr"] for panel in all_panels for target in panel.get("targets", [])]
    for name in DAMAGE_METRICS:
        if not any(name in expression for expression in asked):
            yield f"no panel shows {name}"
    for key in ("id", "gridPos"):
        seen = [json.dumps(panel[key], sort_keys=True) for panel in all_panels]
        yield from (f"two panels have the {key} {twice}" for twice in set(seen) if seen.count(twice) > 1)
