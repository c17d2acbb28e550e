"""Names what a caller in Python uses; run, it makes a request and calls nobody."""

import grpc
from postrider.v1 import (
    attempt_pb2,
    delivery_pb2_grpc,
    event_pb2,
    event_pb2_grpc,
    event_type_pb2_grpc,
    fleet_pb2_grpc,
    subscription_service_pb2_grpc,
    tenant_pb2_grpc,
    token_pb2_grpc,
)

request = event_pb2.PublishEventRequest(
    parent="tenants/acme",
    idempotency_key="order-1",
    event=event_pb2.Event(event_type="payment.completed"),
)
# What a call carries: stub.PublishEvent(request, metadata=credentials).
credentials = (("authorization", "Bearer prt_…"),)
with grpc.insecure_channel("127.0.0.1:1") as channel:
    for stub in (
        delivery_pb2_grpc.DeliveryServiceStub,
        event_pb2_grpc.EventServiceStub,
        event_type_pb2_grpc.EventTypeServiceStub,
        fleet_pb2_grpc.FleetServiceStub,
        subscription_service_pb2_grpc.SubscriptionServiceStub,
        tenant_pb2_grpc.TenantServiceStub,
        token_pb2_grpc.TokenServiceStub,
    ):
        stub(channel)
assert request.event.event_type == "payment.completed"
assert attempt_pb2.AttemptOutcome.Name(0)
