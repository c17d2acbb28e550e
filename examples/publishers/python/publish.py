"""Publishes one event, or many on a stream, until each has its answer."""

import time

import grpc
from postrider.v1.event_pb2 import PublishStreamRequest
from retry import retry_delay, status_of


def publish(events, request, tries=0):
    try:
        return events.PublishEvent(request, timeout=15)
    except grpc.RpcError as error:
        time.sleep(retry_delay(status_of(error), tries))
        return publish(events, request, tries + 1)


def publish_stream(events, requests):
    """Yields the answers, in any order. Events without one go out on the next stream."""
    waiting, tries = dict(enumerate(requests)), 0
    while waiting:
        sent, delay = dict(waiting), 0
        stream = (PublishStreamRequest(request_id=i, publish=sent[i]) for i in sent)
        try:
            for answer in events.PublishStream(stream, timeout=60):
                if answer.HasField("error"):
                    delay = retry_delay(answer.error, tries)
                else:
                    del waiting[answer.request_id]
                    yield answer.response
        except grpc.RpcError as error:
            delay = retry_delay(status_of(error), tries)
        tries = 0 if len(waiting) < len(sent) else tries + 1
        time.sleep(delay)
