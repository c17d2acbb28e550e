#!/usr/bin/env python3
"""Makes the dumps of a release: control-plane/store/tests/released/make.py [FOLDER]

Fed by the programs of the release, in POSTRIDER_TEST_BIN_DIR (default: target/debug); feeds
`main.rs` beside it with a folder named after the release (or FOLDER): a dump of each engine, and
what the release's own API told of it then. Guarantees that there are deliveries in every state,
and that what is told was told twice alike before the dump.

Nothing in such a folder is edited by hand. Whoever changes a schema that is not released yet runs
this again (docs/migrations.md).
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from rig import PROGRAMS, Receiver, Rig, free_port, wait_for

HERE = pathlib.Path(__file__).resolve().parent
ENGINES = ["sqlite", "postgres"]
ACME = "/v1/tenants/acme"
AT_ONCE = {"fixedDelays": {"delays": ["0s"]}, "jitterPercent": 0}
IN_AN_HOUR = {"fixedDelays": {"delays": ["3600s"]}, "jitterPercent": 0}
EVERY_STATE = {f"DELIVERY_STATE_{state}" for state in (
    "HELD", "WAITING", "IN_FLIGHT", "SUCCEEDED", "EXHAUSTED", "CANCELLED", "SUPPRESSED")}
PAUSED = {"status": "SUBSCRIPTION_STATUS_PAUSED"}


def subscriptions(receiver):
    """Each gets the events whose type begins with its id."""
    ok, error, hang = receiver("/ok"), receiver("/error"), receiver("/hang")
    ordered = {"ordering": "ORDERING_PER_KEY"}
    return {
        "orders": {
            "url": ok, "displayName": "Orders", "signingSecret": f"whsec_{'dGVz' * 8}",
            "headers": [{"name": "x-api-key", "value": "a-test-header-value"}],
            "credentials": {"basic": {"username": "test", "password": "a-test-password"}},
        },
        "flaky": {"url": receiver("/once"), "retryPolicy": AT_ONCE},
        "down": {"url": error, "retryPolicy": AT_ONCE},
        "later": {"url": error, "retryPolicy": IN_AN_HOUR},
        "late": {"url": error, "retryPolicy": IN_AN_HOUR | {"maxAge": "1s"}},
        "ordered": {"url": error, "retryPolicy": IN_AN_HOUR} | ordered,
        "kept": {"url": error, "retryPolicy": AT_ONCE,
                 "exhaustedKeyPolicy": "EXHAUSTED_KEY_POLICY_HOLD"} | ordered,
        "asked": {"url": receiver("/wait"), "retryPolicy": IN_AN_HOUR},
        "paused": {"url": ok} | PAUSED,
        "disabled": {"url": ok, "status": "SUBSCRIPTION_STATUS_DISABLED"},
        "far": {"url": ok, "region": "regions/far"},
        "blocked": {"url": "http://10.0.0.1/", "retryPolicy": AT_ONCE},
        "refused": {"url": f"http://127.0.0.1:{free_port()}/", "retryPolicy": AT_ONCE},
        "slow": {"url": hang, "requestTimeout": "0.5s", "retryPolicy": IN_AN_HOUR},
        "filtered": {"url": ok, "contentFilter": "event.payload.missing.field == 1"},
        "lost": {"url": receiver("/hang-once"), "requestTimeout": "60s"},
        "hanging": {"url": hang, "requestTimeout": "60s"},
        "leaving": {"url": ok} | PAUSED,
    }


class Story:
    def __init__(self, rig):
        self.get, self.post, self.call, self.rig = rig.get, rig.post, rig.call, rig

    def tenant(self, name, **fields):
        fields = {"displayName": name.title(), "allowInsecureUrls": True} | fields
        self.post(f"/v1/tenants?tenantId={name}", fields)

    def subscribe(self, name, fields, tenant="acme"):
        fields = {"eventTypes": [f"{name}.*"]} | fields
        self.post(f"/v1/tenants/{tenant}/subscriptions?subscriptionId={name}", fields)

    def publish(self, name, key="", tenant="acme", **fields):
        event = {"eventType": f"{name}.happened", "account": "account-1",
                 "attributes": {"currency": "EUR"}} | fields
        if "payload" not in event:
            event["data"] = {"amount": "12.30"}
        body = {"event": event, "idempotencyKey": key or f"{name}-1"}
        return self.post(f"/v1/tenants/{tenant}/events:publish", body)

    def reach(self, name, state, count=1, tenant="acme"):
        """Waits until so many of a subscription's deliveries are in a state, and returns them."""
        path = f"/v1/tenants/{tenant}/deliveries?pageSize=1000"

        def found():
            theirs = [delivery for delivery in self.get(path).get("deliveries", [])
                      if delivery["subscription"].endswith(f"/subscriptions/{name}")
                      and delivery["state"] == f"DELIVERY_STATE_{state}"]
            return theirs if len(theirs) == count else None

        return wait_for(f"{count} of {name} to be {state}", found)

    def finish(self, operation):
        path = f"/v1/{operation['name']}"
        wait_for(path, lambda: self.get(path).get("done"))

    def configure(self):
        self.post("/v1/eventTypes?eventTypeId=orders.happened", {
            "group": "orders", "description": "Something was ordered.",
            "jsonSchema": '{"type":"object"}', "samplePayloadJson": '{"amount":"1"}'})
        self.post("/v1/eventTypes?eventTypeId=orders.retired", {"group": "orders"})
        self.post("/v1/eventTypes/orders.retired:archive")
        self.tenant("operators")
        self.tenant("acme", labels={"tier": "gold"})
        self.tenant("brief", historyRetention="864000s", payloadRetention="86400s")
        self.tenant("gone")
        for name, fields in subscriptions(self.rig.receiver_url).items():
            self.subscribe(name, fields)
        self.subscribe("last", {"url": self.rig.receiver_url("/ok")} | PAUSED, tenant="gone")
        self.post(f"{ACME}/subscriptions/orders:rotateSigningSecret")
        for name in ["publisher", "revoked"]:
            grants = [{"role": "ROLE_PUBLISHER", "tenants": ["tenants/acme"]}]
            made = self.post("/v1/tokens", {"displayName": name, "grants": grants})
        self.post(f"/v1/{made['token']['name']}:revoke")
        self.post(f"{ACME}/portalTokens", {"roles": ["ROLE_READER"], "ttl": "3600s"})

    def lose_an_agent(self):
        """What it was doing has an unknown outcome, and is done again by another one."""
        agent = self.rig.start_agent("agent-1")
        self.publish("lost")
        wait_for("the first POST", lambda: any(path == "/hang-once" for path, _ in Receiver.seen))
        agent.kill()
        agent.wait()
        self.rig.start_agent("agent-2")
        self.reach("lost", "SUCCEEDED")

    def deliver(self):
        self.publish("orders", traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01", tracestate="a=b")
        self.publish("orders", "orders-2", eventType="orders.scanned", payload="AP8=",
                     contentType="application/octet-stream")
        for name, state in [
            ("flaky", "SUCCEEDED"), ("down", "EXHAUSTED"), ("late", "EXHAUSTED"),
            ("blocked", "EXHAUSTED"), ("refused", "EXHAUSTED"), ("disabled", "SUPPRESSED"),
            ("paused", "WAITING"), ("far", "WAITING"), ("filtered", "SUCCEEDED"),
        ]:
            self.publish(name)
            self.reach(name, state)
        self.reach("orders", "SUCCEEDED", 2)
        for name in ["ordered", "kept"]:
            for number in range(2):
                self.publish(name, f"{name}-{number}", orderingKey="key-1")
            self.reach(name, "HELD", 1)
        self.reach("kept", "EXHAUSTED")
        for name in ["later", "asked", "slow"]:
            self.publish(name)
            wait_for(f"{name} to be tried", lambda: self.reach(name, "WAITING")[0].get("attemptCount"))
        self.post(f"{ACME}/subscriptions/orders:test", {"eventType": "orders.happened"})

    def intervene(self):
        later = self.reach("later", "WAITING")[0]["name"]
        self.post(f"/v1/{later}:retry")
        self.reach("later", "EXHAUSTED")
        self.publish("later", "later-2")
        self.reach("later", "WAITING")
        for name in ["paused", "hanging"]:
            self.publish(name, f"{name}-cancelled")
        cancelled = self.reach("hanging", "IN_FLIGHT")[0]["name"]
        self.post(f"/v1/{cancelled}:cancel")
        newest = self.reach("paused", "WAITING", 2)[0]["name"]
        self.post(f"/v1/{newest}:cancel")
        self.publish("leaving")
        self.reach("leaving", "WAITING")
        self.call("DELETE", f"{ACME}/subscriptions/leaving")
        self.reach("leaving", "CANCELLED")
        self.publish("last", tenant="gone")
        self.reach("last", "WAITING", tenant="gone")
        self.call("DELETE", "/v1/tenants/gone?force=true")
        self.reach("last", "CANCELLED", tenant="gone")

    def operate(self):
        """Resends, replays, backfills and expunges."""
        down = self.reach("down", "EXHAUSTED")[0]
        self.post(f"/v1/{down['event']}:resend", {"subscription": down["subscription"]})
        self.reach("down", "EXHAUSTED", 2)
        begin = {"startTime": self.reach("lost", "SUCCEEDED")[0]["createTime"]}
        self.finish(self.post(f"{ACME}/deliveries:replay", begin | {
            "subscription": self.reach("late", "EXHAUSTED")[0]["subscription"]}))
        self.reach("late", "EXHAUSTED", 2)
        self.subscribe("newcomer", {"url": self.rig.receiver_url("/ok"), "eventTypes": ["flaky.*"]})
        self.finish(self.post(f"{ACME}/subscriptions/newcomer:backfill", begin))
        self.reach("newcomer", "SUCCEEDED")
        self.publish("orders", "orders-3", account="account-2")
        self.reach("orders", "SUCCEEDED", 4)
        self.finish(self.post(f"{ACME}/events:expunge", {"account": "account-2"}))

    def tell(self):
        """What the API says of what is stored, by path."""
        told = {path: self.get(path) for path in (
            "/v1/tenants?showDeleted=true", "/v1/eventTypes?showArchived=true",
            "/v1/tokens?showPortal=true", "/v1/installation/auditRecords?pageSize=1000")}
        for tenant in told["/v1/tenants?showDeleted=true"]["tenants"]:
            for rest in ("events?pageSize=1000&view=EVENT_VIEW_FULL", "deliveries?pageSize=1000",
                         "attempts?pageSize=1000", "operations?pageSize=1000",
                         "auditRecords?pageSize=1000",
                         "subscriptions?pageSize=1000&showDeleted=true"):
                path = f"/v1/{tenant['name']}/{rest}"
                told[path] = self.get(path)
                for delivery in told[path].get("deliveries", []):
                    # Moves on while the subscription is paused.
                    delivery.pop("expireTime", None)
        path = f"{ACME}/subscriptions/down/stats"
        told[path] = {"attemptCount": self.get(path)["total"]["attemptCount"]}
        path = f"{ACME}/attempts?pageSize=1000"
        told[path]["attempts"] = [self.attempt(each["name"]) for each in told[path]["attempts"]]
        return told

    def attempt(self, name):
        """With what the receiver answered; without the request, which is not stored."""
        told = self.get(f"/v1/{name}")
        told.pop("request", None)
        return told

    def happen(self):
        self.configure()
        self.lose_an_agent()
        self.deliver()
        self.intervene()
        self.operate()
        # Under way for the minute that its request may take.
        self.publish("hanging")
        self.reach("hanging", "IN_FLIGHT")
        told = wait_for("rest", lambda: told if (told := self.tell()) == self.tell() else None)
        states = {delivery["state"] for answer in told.values()
                  for delivery in answer.get("deliveries", [])}
        if states != EVERY_STATE:
            raise RuntimeError(f"no delivery is {EVERY_STATE - states}")
        return told


def main():
    version = subprocess.run([PROGRAMS / "postrider", "--version"], check=True,
                             capture_output=True, text=True).stdout
    version = re.fullmatch(r"postrider (\d+\.\d+\.\d+)\S*( .*)?\s*", version)[1]
    into = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / version
    into.mkdir(exist_ok=True)
    for engine in ENGINES:
        with tempfile.TemporaryDirectory() as folder:
            # For the user of the server.
            pathlib.Path(folder).chmod(0o755)
            rig = Rig(pathlib.Path(folder), engine, HERE / "test-keys")
            try:
                rig.begin()
                told = Story(rig).happen()
                dump = rig.dump()
            finally:
                rig.end()
        (into / f"{engine}.sql").write_text(dump)
        (into / f"{engine}.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
        for file in (into / f"{engine}.sql", into / f"{engine}.json"):
            print(f"{file}: {file.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
