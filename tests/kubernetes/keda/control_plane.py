"""A replica of the control plane on SQLite, with mutual TLS, and its API by grpcurl.

Fed by the programs of POSTRIDER_TEST_BIN_DIR and a test authority; feeds KEDA with load at
the callers' port, agents with work, and the scenario with answers. Guarantees that KEDA is known
by the URI in its certificate, as with the charts, and has no other right.
"""

import json
import subprocess

from processes import free_port
from tally import CheckFailed

TRUST_DOMAIN = "postrider.test"
AUTOSCALER = f"spiffe://{TRUST_DOMAIN}/postrider/autoscaler"
TOKEN = "prt_7e570000000000000000_" + "7e57" + "0" * 60
SETTINGS = f"""
[publish]
allow_unknown_event_types = true
[auth]
open_reflection = true
[[auth.certificates]]
name = "{AUTOSCALER}"
roles = ["autoscaler"]
installation = true
"""


class ControlPlane:
    """One replica."""

    def __init__(self, processes, programs, authority, grpcurl):
        self.processes, self.programs, self.authority, self.grpcurl = processes, programs, authority, grpcurl
        self.folder = processes.folder / "control-plane"
        self.port, self.agents_port, self.replicas_port = free_port(), free_port(), free_port()
        self.identity = ()

    def prepare(self):
        self.folder.mkdir()
        (self.folder / "settings.toml").write_text(SETTINGS)
        (self.folder / "token").touch(0o600)
        (self.folder / "token").write_text(TOKEN)
        create = ("keys", "create", "--id", "test", "--file", self.folder / "keys")
        subprocess.run([self.programs / "postrider", *create], check=True, stdout=subprocess.DEVNULL)
        role = f"URI:spiffe://{TRUST_DOMAIN}/postrider/replica"
        self.identity = self.authority.issue("replica", "IP:127.0.0.1", "DNS:localhost", role)

    def start(self):
        """At the same ports each time."""
        authority, (certificate, key) = self.authority.certificate, self.identity
        self.processes.start_server(
            "postrider", self.programs / "postrider", "serve", "--config", self.folder / "settings.toml",
            f"--listen=127.0.0.1:{self.port}", f"--agents-listen=127.0.0.1:{self.agents_port}",
            f"--replicas-listen=127.0.0.1:{self.replicas_port}",
            f"--advertise=https://127.0.0.1:{self.replicas_port}",
            f"--metrics-listen=127.0.0.1:{free_port()}", "--data-dir", self.folder / "data",
            "--database-url", f"sqlite:{self.folder}/postrider.db", "--keys-file", self.folder / "keys",
            "--bootstrap-token-file", self.folder / "token", "--tls-cert", certificate, "--tls-key", key,
            "--tls-client-ca", authority, "--agents-tls-client-ca", authority, "--replicas-tls-ca", authority,
            "--spiffe-trust-domain", TRUST_DOMAIN,
        )

    def restart(self):
        """Its log begins anew. Nobody serves for a second or two."""
        process = self.processes.servers["postrider"]
        process.terminate()
        if process.wait(60):
            raise CheckFailed(f"the control plane has ended with {process.returncode}")
        self.start()

    def call(self, method, body):
        """What a call answers. Raises CheckFailed if it is refused."""
        done = subprocess.run(
            [
                self.grpcurl, "-cacert", self.authority.certificate, "-max-time", "10", "-d", "@",
                "-H", f"authorization: Bearer {TOKEN}", f"127.0.0.1:{self.port}", method,
            ],
            input=json.dumps(body), capture_output=True, text=True,
        )
        if done.returncode:
            raise CheckFailed(f"{method}: {done.stderr}")
        return json.loads(done.stdout)

    def is_serving(self):
        return self.call("grpc.health.v1.Health/Check", {"service": "readiness"}).get("status") == "SERVING"

    def publish(self, tenant, event_type, count, key):
        """So many events at once."""
        event = {"event_type": event_type, "payload_json": "{}"}
        requests = [{"idempotency_key": f"{key}-{number}", "event": event} for number in range(count)]
        answer = self.call("postrider.v1.EventService/PublishEvents", {"parent": tenant, "requests": requests})
        refused = [result for result in answer["results"] if "response" not in result]
        if refused:
            raise CheckFailed(f"events are refused: {refused[0]}")

    def region(self, region):
        """What ListRegions has of a region; nothing if it is not there."""
        regions = self.call("postrider.v1.FleetService/ListRegions", {}).get("regions", [])
        return next((each for each in regions if each["name"] == f"regions/{region}"), {})
