"""When the same request may be sent again (docs/errors.md)."""

import random

import grpc
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from grpc_status import rpc_status

MAX_TRIES = 10
MAX_DELAY_SECONDS = 10
# Without a reason Postrider has not answered, and nobody knows what was done.
UNANSWERED = {
    code.value[0]
    for code in (
        StatusCode.UNAVAILABLE,
        StatusCode.UNKNOWN,
        StatusCode.CANCELLED,
        StatusCode.DEADLINE_EXCEEDED,
    )
}


class Refused(Exception):
    """Sending the same again would not help."""


def status_of(error):
    """The error of a call, in the form that those of events on a stream have."""
    unanswered = Status(code=error.code().value[0], message=error.details())
    return rpc_status.from_call(error) or unanswered


def retry_delay(status, tries):
    """Seconds to wait before the same is sent again."""
    reason, retry = ErrorInfo(), RetryInfo()
    for detail in status.details:
        detail.Unpack(reason) or detail.Unpack(retry)
    again = retry.HasField("retry_delay") or not reason.reason and status.code in UNANSWERED
    if not again or tries >= MAX_TRIES:
        raise Refused(f"{reason.reason or status.code}: {status.message}")
    backoff = min(0.1 * 2**tries, MAX_DELAY_SECONDS)
    return max(retry.retry_delay.ToMilliseconds() / 1000, backoff) * random.uniform(1, 1.5)
