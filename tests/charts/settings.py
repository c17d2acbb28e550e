"""What the programs' settings are, for the charts' schemas and for what is rendered.

Fed by the settings' defaults, ranges and relations as the programs have them; feeds
`documents`, which writes them into the charts, and `rules`, which looks for variables that
name no setting. Guarantees that a setting which is new, gone or of another range is seen.
"""

import math
import re
import tomllib
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": {"type": "string", "minLength": 1}}


def table(required, properties, one_of=()):
    """The schema of a table with no other fields."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
        **({"oneOf": one_of} if one_of else {}),
    }


def words_in(path, pattern):
    """What a file of the programs has between quotes at such places."""
    found = re.findall(pattern, (TOP / path).read_text(), re.S)
    words = [word for text in found for word in re.findall(r'"([^"]+)"', text)]
    assert words, f"{path} is written in another way now"
    return words


def one_of(fields):
    """That one of these fields is given, and no other: each with what that means for it."""
    empty = {"boolean": {"const": False}, "string": {"maxLength": 0}, "array": {"maxItems": 0}}
    filled = {"boolean": {"const": True}, "string": {"minLength": 1}, "array": {"minItems": 1}}
    return [
        {
            "required": [name],
            "properties": {
                other: (filled if other == name else empty)[kind] for other, kind in fields.items()
            },
        }
        for name in fields
    ]


OTLP_PROTOCOL = {"enum": ["", "grpc", "http/protobuf"]}
ROLE = {"enum": words_in("control-plane/identity/src/role.rs", r"const fn name\(self\).*?\n    }")}
ALGORITHM = {
    "enum": words_in("control-plane/src/settings/auth.rs", r"ASYMMETRIC_ALGORITHMS.*?;\n")
}
PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6([0-4][0-9]{3}|5([0-4][0-9]{2}|5([0-2][0-9]|3[0-5]))))"
PORTS = {
    "type": "array",
    "items": {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": 65535},
            {"type": "string", "pattern": f"^{PORT}(-{PORT})?$"},
        ]
    },
}
ID = "[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
REGION = {"type": "string", "pattern": f"^{ID}$"}
HOST = {"type": "string", "pattern": "^[a-z0-9.-]+$"}
ORIGIN = {"type": "string", "pattern": "^https?://[a-z0-9.-]+(:[0-9]+)?$"}
TENANTS = {"type": "array", "items": {"type": "string", "pattern": f"^{ID}$"}}
# https, or this machine.
OWN_URL = "https://.+|http://(localhost|127[0-9.]+|\\[::1\\])([:/].*)?"
COLOR = {"type": "string", "pattern": "^#[0-9A-Fa-f]{6}$"}
SHORT_NAME = {"type": "string", "minLength": 1, "maxLength": 64}

RULE = table(
    ["claim", "role"],
    {
        "claim": {"type": "string", "minLength": 1},
        "value": TEXT,
        "role": ROLE,
        "installation": {"type": "boolean"},
        "tenants": TENANTS,
        "tenants_claim": TEXT,
    },
    one_of({"installation": "boolean", "tenants": "array", "tenants_claim": "string"}),
)
ISSUER = table(
    ["issuer", "audiences", "rules"],
    {
        "issuer": {"type": "string", "minLength": 1},
        "audiences": {**TEXTS, "minItems": 1},
        "jwks_url": {
            "description": "https, or this machine.",
            "type": "string",
            "pattern": f"^({OWN_URL})?$",
        },
        "jwks_file": TEXT,
        "ca_file": TEXT,
        "bearer_token_file": TEXT,
        "algorithms": {"type": "array", "items": ALGORITHM, "minItems": 1},
        "leeway_seconds": {"type": "integer", "minimum": 0, "maximum": 300},
        "rules": {"type": "array", "minItems": 1, "items": RULE},
    },
    one_of({"jwks_url": "string", "jwks_file": "string"}),
)
CERTIFICATE = table(
    ["name", "roles"],
    {
        "name": {"type": "string", "minLength": 1},
        "roles": {"type": "array", "items": ROLE, "minItems": 1},
        "installation": {"type": "boolean"},
        "tenants": TENANTS,
    },
    one_of({"installation": "boolean", "tenants": "array"}),
)
PROVIDER = table(
    ["name", "issuer", "client_id", "authorization_url", "token_url"],
    {
        "name": SHORT_NAME,
        "issuer": {"type": "string", "minLength": 1},
        "client_id": {"type": "string", "minLength": 1},
        "client_secret_file": TEXT,
        "authorization_url": {"type": "string", "pattern": f"^({OWN_URL})$"},
        "token_url": {"type": "string", "pattern": f"^({OWN_URL})$"},
        "scopes": {"type": "array", "items": {"type": "string"}, "contains": {"const": "openid"}},
    },
)
NAMES = one_of({"uri": "string", "dns": "string"})
REGIONS = {
    "anyOf": [
        {"const": ["*"]},
        {"type": "array", "items": REGION, "minItems": 1},
    ]
}
AGENT_IDENTITY = table(
    ["regions"], {"uri": TEXT, "dns": TEXT, "regions": REGIONS, "id": TEXT}, NAMES
)
REPLICA_IDENTITY = table([], {"uri": TEXT, "dns": TEXT, "id": TEXT}, NAMES)


class Program:
    """One program: where its settings are, and which of them its chart gives."""

    def __init__(self, chart, prefix, defaults, ranges, related, owned, shapes):
        self.chart = chart
        self.prefix = prefix
        self.related = related
        self.defaults = tomllib.loads((TOP / defaults).read_text())
        self.ranges = read_ranges(TOP / ranges)
        self.owned = owned
        self.shapes = shapes

    def variables(self):
        """The names of the variables that are settings."""
        return {
            f"{self.prefix}{section.upper()}__{name.upper()}"
            for section, settings in self.defaults.items()
            for name in settings
        }

    def numbers(self):
        """The default of each number that values may give."""
        return {
            f"{section}.{name}": default
            for section, settings in self.defaults.items()
            for name, default in settings.items()
            if type(default) is int and f"{section}.{name}" not in self.owned
        }

    def related_settings(self):
        """The settings that the program checks against each other, and values may give."""
        words = [word for path, place in self.related for word in words_in(path, place)]
        known = {f"{s}.{n}" for s, all_of in self.defaults.items() for n in all_of}
        return sorted({word for word in words if word in known} - self.owned)

    def schema(self):
        """The schema of the value `config`."""
        unknown = self.owned - {f"{s}.{n}" for s, all_of in self.defaults.items() for n in all_of}
        assert not unknown, f"no setting: {unknown}"
        sections = {}
        for section, settings in self.defaults.items():
            given = {
                name: self.setting_schema(f"{section}.{name}", default)
                for name, default in settings.items()
                if f"{section}.{name}" not in self.owned
            }
            if given:
                sections[section] = {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": given,
                }
        return {
            "description": "Made of the program's defaults and ranges by tests/charts/run. Not among them are: "
            + ", ".join(sorted(self.owned)) + ".",
            "type": "object",
            "additionalProperties": False,
            "properties": sections,
        }

    def setting_schema(self, path, default):
        if path in self.shapes:
            return self.shapes[path]
        if isinstance(default, bool):
            return {"type": "boolean"}
        if isinstance(default, int):
            assert path in self.ranges, f"{path} has no range"
            least, most = self.ranges[path]
            return {"type": "integer", "minimum": least, "maximum": most}
        return TEXTS if isinstance(default, list) else TEXT


def read_ranges(path):
    """The least and the most of each number, as the program's table has them."""
    text = re.sub(r"//.*", "", path.read_text())
    rows = re.findall(r'whole_numbers\(\s*"([^"]+)",\s*([^,]+),\s*([^,]+),', text)
    return {name: (number(least), number(most)) for name, least, most in rows}


def number(text):
    """A number as Rust writes it, or one of the constants that both programs know."""
    text = text.removesuffix(" as u64")
    if not text[0].isdigit():
        limits = (TOP / "proto/src/attempt_limits.rs").read_text()
        text = re.search(rf"const {text}: usize = ([\d_ *]+);", limits).group(1)
    return math.prod(int(factor) for factor in text.split("*"))


CONTROL_PLANE = Program(
    "postrider-control-plane",
    "POSTRIDER_",
    "control-plane/config.default.toml",
    "control-plane/src/settings/ranges.rs",
    [
        ("control-plane/src/settings/relations.rs", "^.*$"),
        ("control-plane/src/settings/limit_checks.rs", "^.*$"),
    ],
    {
        "server.listen", "server.replica_id", "server.metrics_listen", "server.tls_cert",
        "server.tls_key", "server.tls_client_ca", "server.insecure_no_tls",
        "server.drain_timeout_seconds", "auth.bootstrap_token_file", "database.url",
        "database.url_file", "database.data_dir", "database.migrate_at_start", "keys.file",
        "keys.encryption_keys", "keys.current", "agents.listen", "agents.tls_cert", "agents.tls_key",
        "agents.tls_client_ca", "agents.spiffe_trust_domain", "replicas.listen",
        "replicas.advertise", "replicas.tls_cert", "replicas.tls_key", "replicas.tls_ca",
        "replicas.spiffe_trust_domain", "telemetry.log_format",
    },
    {
        "operational_events.operators_tenant": {"type": "string", "pattern": f"^({ID})?$"},
        "agents.regions": {"type": "array", "items": REGION},
        "server.http_allowed_origins": {"type": "array", "items": ORIGIN},
        "server.http_allowed_hosts": {"type": "array", "items": HOST},
        "console.public_url": {"type": "string", "pattern": "^(https?://[a-z0-9.-]+(:[0-9]+)?)?$"},
        "console.frame_ancestors": {"type": "array", "items": ORIGIN},
        "console.operator_name": SHORT_NAME,
        "console.accent_color": COLOR,
        "console.accent_color_dark": COLOR,
        "console.providers": {"type": "array", "items": PROVIDER},
        "auth.certificates": {"type": "array", "items": CERTIFICATE},
        "auth.issuers": {"type": "array", "items": ISSUER},
        "agents.identities": {"type": "array", "items": AGENT_IDENTITY},
        "replicas.identities": {"type": "array", "items": REPLICA_IDENTITY},
        "telemetry.otlp_protocol": OTLP_PROTOCOL,
    },
)

AGENT = Program(
    "postrider-agent",
    "POSTRIDER_AGENT_",
    "agent/config.default.toml",
    "agent/src/setting_ranges.rs",
    [
        ("agent/src/config.rs", r"require_at_most\(.*?\n    }"),
        ("agent/src/settings/mod.rs", r"SettingsError::relation\(.*?\n *\)"),
    ],
    {
        "agent.region", "agent.id", "agent.metrics_listen", "agent.drain_timeout_seconds",
        "control_plane.urls", "control_plane.tls_cert", "control_plane.tls_key",
        "control_plane.tls_ca", "receivers.allow_subnets", "receivers.deny_subnets",
        "receivers.allowed_ports", "receivers.extra_ca", "telemetry.log_format",
    },
    {
        "dns.backend": {"enum": ["name-servers", "system"]},
        "receivers.denied_ports": PORTS,
        "telemetry.otlp_protocol": OTLP_PROTOCOL,
        "receivers.user_agent": {"type": "string", "maxLength": 256, "pattern": "^[ -~]*$"},
    },
)

PROGRAMS = (CONTROL_PLANE, AGENT)
