"""Publishes an event for each key, the first by itself and the others on a stream.

PYTHONPATH=gen python main.py KEY…
"""

import os
import sys

import grpc
from postrider.v1.event_pb2 import Event, PublishEventRequest
from postrider.v1.event_pb2_grpc import EventServiceStub
from publish import publish, publish_stream

with open(os.environ["POSTRIDER_CA"], "rb") as file:
    tls = grpc.ssl_channel_credentials(file.read())
token = grpc.access_token_call_credentials(os.environ["POSTRIDER_TOKEN"])
credentials = grpc.composite_channel_credentials(tls, token)
events = EventServiceStub(grpc.secure_channel(os.environ["POSTRIDER_ADDRESS"], credentials))

tenant = os.environ["POSTRIDER_TENANT"]
payment = Event(event_type="payment.completed", payload_json='{"amount":{"value":4200}}')
first, *others = [
    PublishEventRequest(parent=tenant, idempotency_key=key, event=payment) for key in sys.argv[1:]
]
answers = [publish(events, first), *publish_stream(events, others)]
print(len(answers), "published,", sum(answer.duplicate for answer in answers), "duplicates")
