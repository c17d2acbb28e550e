"""Is this webhook genuine? One function for each way to sign one.

Fed by a request's headers and by the exact bytes of its body; feeds a receiver
with True or False. Guarantees that secrets and signatures are compared in
constant time, that a signed time is at most five minutes away from `now`, and
that an empty key never verifies anything. Copy all down to the runner at the
end. Only verify_standard_v1a needs more than the standard library: the package
`cryptography`.
"""

import base64
import binascii
import hmac
import re
from typing import NamedTuple

TOLERANCE_SECONDS = 300


class HmacFormat(NamedTuple):
    """How an HMAC of one's own is written."""

    prefix: str = ""  # stands before the signature, as "sha256="
    hash: str = "sha256"  # or "sha512"
    encoding: str = "hex"  # or "base64"


# In all of them: `keys` are those that you hold, more than one while you change
# over; a header that is not there is ""; `lines` are all lines of one header;
# `now` is int(time.time()).


def verify_standard_v1(keys: list[str], webhook_id: str, timestamp: str, signature: str, body: bytes, now: int) -> bool:
    """Standard Webhooks, "whsec_" keys: webhook-id, webhook-timestamp, webhook-signature."""
    message = standard_message(webhook_id, timestamp, body, now)
    if message is None:
        return False
    secrets = [decode(key.removeprefix("whsec_")) for key in keys if key.startswith("whsec_")]
    # The specification's least length, so that no empty or cut-off key is used.
    usable = [secret for secret in secrets if len(secret) >= 24]
    expected = ["v1," + encode("base64", hmac.digest(secret, message, "sha256")) for secret in usable]
    return matches(expected, signature.split(" "))


def verify_standard_v1a(keys: list[str], webhook_id: str, timestamp: str, signature: str, body: bytes, now: int) -> bool:
    """Standard Webhooks, public keys "whpk_": the same three headers."""
    message = standard_message(webhook_id, timestamp, body, now)
    if message is None:
        return False
    public = [decode(key.removeprefix("whpk_")) for key in keys if key.startswith("whpk_")]
    given = [decode(text.removeprefix("v1a,")) for text in signature.split(" ") if text.startswith("v1a,")]
    return any(verify_ed25519(key, one, message) for key in public for one in given)


def verify_stripe(keys: list[str], signature: str, body: bytes, now: int) -> bool:
    """Stripe's format, "t=…,v1=…": stripe-signature, or the header that was chosen."""
    parts = [part.strip().partition("=") for part in signature.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not fresh(times[0], now):
        return False
    message = times[0].encode() + b"." + body
    given = [value for name, _, value in parts if name == "v1"]
    return matches(hmacs(keys, message, HmacFormat()), given)


def verify_hmac(keys: list[str], lines: list[str], written: HmacFormat, body: bytes) -> bool:
    """An HMAC of the body. It holds for ever and under any id: deduplicate by what the body names."""
    return matches(hmacs(keys, body, written), header_values(lines))


def verify_timestamped_hmac(
    keys: list[str], timestamp: str, lines: list[str], separator: str, written: HmacFormat, body: bytes, now: int
) -> bool:
    """An HMAC of "{timestamp}{separator}{body}", the timestamp in a header of its own."""
    if not fresh(timestamp, now):
        return False
    message = timestamp.encode() + separator.encode() + body
    return matches(hmacs(keys, message, written), header_values(lines))


def verify_static_secret(keys: list[str], lines: list[str], prefix: str) -> bool:
    """The secret itself. It proves nothing about the body: only over TLS, and only if you must."""
    return matches([prefix + key for key in keys if key], header_values(lines))


def standard_message(webhook_id: str, timestamp: str, body: bytes, now: int) -> bytes | None:
    """What Standard Webhooks sign. A full stop in the id would let its parts be shifted."""
    if not webhook_id or "." in webhook_id or not fresh(timestamp, now):
        return None
    return f"{webhook_id}.{timestamp}.".encode("utf-8", "surrogateescape") + body


def fresh(timestamp: str, now: int) -> bool:
    """Whether it is whole seconds, near enough to `now` that nobody kept the request for later."""
    return bool(re.fullmatch("[0-9]{1,15}", timestamp)) and abs(now - int(timestamp)) <= TOLERANCE_SECONDS


def hmacs(keys: list[str], message: bytes, written: HmacFormat) -> list[str]:
    """The signatures that would be right, one for each key."""
    digests = [hmac.digest(key.encode(), message, written.hash) for key in keys if key]
    return [written.prefix + encode(written.encoding, digest) for digest in digests]


def header_values(lines: list[str]) -> list[str]:
    """One value for each key in force; on the way, lines may have been joined by commas."""
    return lines + [value.strip() for line in lines if "," in line for value in line.split(",")]


def matches(expected: list[str], given: list[str]) -> bool:
    """Whether one of these is one of those; the time it takes tells nothing of where they differ."""
    pairs = [(one, other) for one in expected for other in given]
    return any(
        hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape"))
        for one, other in pairs
    )


def verify_ed25519(key: bytes, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if len(key) != 32 or len(signature) != 64:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def encode(encoding: str, digest: bytes) -> str:
    return {"hex": digest.hex(), "base64": base64.b64encode(digest).decode()}[encoding]


def decode(text: str) -> bytes:
    """Base64 in its one right form; anything else is empty."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return decoded if base64.b64encode(decoded).decode() == text else b""


# --- The runner, which you need not copy: verify.py VECTORS.json… ---------------


def judge(vector: dict) -> bool:
    keys, body, now = vector["keys"], base64.b64decode(vector["body_base64"]), vector["now"]
    webhook_id, timestamp, lines = vector.get("id", ""), vector.get("timestamp", ""), vector["signatures"]
    signature, prefix = "".join(lines[:1]), vector.get("prefix", "")
    written = HmacFormat(prefix, vector.get("hash", ""), vector.get("encoding", ""))
    match vector["scheme"]:
        case "standard_v1":
            return verify_standard_v1(keys, webhook_id, timestamp, signature, body, now)
        case "standard_v1a":
            return verify_standard_v1a(keys, webhook_id, timestamp, signature, body, now)
        case "stripe":
            return verify_stripe(keys, signature, body, now)
        case "hmac":
            return verify_hmac(keys, lines, written, body)
        case "timestamped_hmac":
            return verify_timestamped_hmac(keys, timestamp, lines, vector["separator"], written, body, now)
        case "static_secret":
            return verify_static_secret(keys, lines, prefix)
        case scheme:
            raise ValueError(f"no scheme {scheme}")


def main(files: list[str]) -> int:
    import json
    import pathlib

    vectors = [vector for file in files for vector in json.loads(pathlib.Path(file).read_bytes())["vectors"]]
    wrong = [vector for vector in vectors if judge(vector) != vector["valid"]]
    for vector in wrong:
        print(f"FAILED {vector['scheme']}: {vector['name']}")
    print(f"{len(vectors) - len(wrong)} passed")
    return 1 if wrong or not vectors else 0


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1:]))
