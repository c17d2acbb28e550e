"""Two regions that KEDA scales: to none, from none, to many and back.

Fed by KEDA, the control plane and the receiver; feeds the tally, with how long each took.
"""

import base64
import time

from api import MERGE_PATCH
from control_plane import AUTOSCALER
from helm import AGENT, TOP, restricted_namespace

NAMESPACE, RELEASE, TENANT = "scaled", "postrider", "tenants/globex"
VALUES = TOP / "tests/kubernetes/keda/agents.values.yaml"
SUBSCRIPTIONS = {"eu": 6, "us": 1}
MOST = 3
# KEDA asks about `us` once an hour: whoever wakes it sooner is the stream.
WAKE_SECONDS = 10
# To each subscription of `eu`, whose receiver then takes so long that agents are full.
EVENTS = 480
SLOW_SECONDS = 5


class ScalingScenario:
    """What is checked, one after another."""

    def __init__(self, cluster, helm, control_plane, receiver, tally):
        self.cluster, self.helm, self.control_plane = cluster, helm, control_plane
        self.receiver, self.tally = receiver, tally

    def check(self):
        self.prepare_tenant()
        self.install()
        for region in SUBSCRIPTIONS:
            self.timed(f"{region}: KEDA takes it over", 60, lambda region=region: self.is_taken_over(region))
        for region in SUBSCRIPTIONS:
            self.timed(f"{region}: nothing to do: no agent", 60, lambda region=region: self.is_asleep(region))
        for region in reversed(SUBSCRIPTIONS):
            self.check_wake(region)
        self.check_load()
        self.timed("eu: to none again", 240, lambda: self.is_asleep("eu"))
        self.check_errors()
        self.check_restart()

    def prepare_tenant(self):
        call = self.control_plane.call
        call("postrider.v1.TenantService/CreateTenant", {"tenant_id": "globex", "tenant": {}})
        for region, count in SUBSCRIPTIONS.items():
            for number in range(count):
                subscription = {
                    "url": self.receiver.url, "region": f"regions/{region}", "event_types": [f"{region}.happened"],
                }
                call("postrider.v1.SubscriptionService/CreateSubscription", {
                    "parent": TENANT, "subscription_id": f"{region}-{number}", "subscription": subscription,
                })

    def install(self):
        api, authority = self.cluster.api, self.control_plane.authority
        restricted_namespace(api, NAMESPACE)
        certificate, key = authority.issue("keda", f"URI:{AUTOSCALER}")
        files = {"tls.crt": certificate, "tls.key": key, "ca.crt": authority.certificate}
        for name in ("keda-certificate", "agent-certificate"):
            api.create({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE},
                "data": {name: base64.b64encode(path.read_bytes()).decode() for name, path in files.items()},
            })
        address = f"--set=keda.scalerAddress=127.0.0.1:{self.control_plane.port}"
        self.helm.upgrade(NAMESPACE, RELEASE, AGENT, VALUES, address)

    def name(self, region):
        return f"{RELEASE}-{AGENT}-{region}"

    def agents(self, region):
        """How many there are to be."""
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{self.name(region)}/scale"
        return self.cluster.api.get(path)["spec"].get("replicas", 0)

    def is_asleep(self, region):
        """There are to be no agents, and there are none."""
        return self.agents(region) == 0 and not self.control_plane.region(region).get("agentCount")

    def scaled_object(self, region):
        return self.cluster.api.get(f"/apis/keda.sh/v1alpha1/namespaces/{NAMESPACE}/scaledobjects/{self.name(region)}")

    def is_taken_over(self, region):
        status = self.scaled_object(region).get("status", {})
        conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
        path = f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers/keda-hpa-{self.name(region)}"
        return conditions.get("Ready") == "True" and self.cluster.api.get(path)

    def check_wake(self, region, when="from the start"):
        before = self.receiver.count
        self.control_plane.publish(TENANT, f"{region}.happened", 1, f"{region}-{when}".replace(" ", "-"))
        self.timed(f"{region}: an event brings an agent, {when}", WAKE_SECONDS, lambda: self.agents(region) == 1)
        wanted = before + SUBSCRIPTIONS[region]
        self.timed(f"{region}: and is delivered", 60, lambda: self.receiver.count >= wanted)

    def check_load(self):
        self.receiver.delay = SLOW_SECONDS
        self.control_plane.publish(TENANT, "eu.happened", EVENTS, "load")
        self.timed(f"eu: many events bring {MOST} agents", 60, lambda: self.agents("eu") == MOST)
        self.timed("eu: all of which serve", 60, lambda: self.control_plane.region("eu").get("agentCount") == MOST)
        self.receiver.delay = 0
        self.timed("eu: once it is done, one agent", 180, lambda: self.agents("eu") == 1)
        found = self.agents("us")
        self.tally.check("us: one agent all the time", "" if found == 1 else f"there are {found}")

    def check_errors(self):
        """Of what the control plane answers KEDA makes no fuss."""
        lines = (self.cluster.folder / "keda-operator.log").read_text().splitlines()
        self.tally.check("KEDA's operator logs no error", "\n".join(line for line in lines if "\tERROR\t" in line))

    def check_restart(self):
        """Streams that a replica ends are opened again."""
        self.set_agents("us", 0)
        self.cluster.wait_for("the agent to have gone", lambda: self.is_asleep("us"))
        self.control_plane.restart()
        self.cluster.wait_for("a control plane that serves again", self.control_plane.is_serving)
        self.check_wake("us", "after a restart")

    def set_agents(self, region, count):
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{self.name(region)}/scale"
        self.cluster.api.call("PATCH", path, {"spec": {"replicas": count}}, MERGE_PATCH).expect(200)

    def timed(self, name, seconds, look):
        begun = time.monotonic()
        self.cluster.wait_for(name, look, seconds)
        self.tally.check(f"{name} ({time.monotonic() - begun:.1f} s)")
