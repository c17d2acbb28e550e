"""Prints examples/receivers/vectors.json: webhooks for the snippets to judge.

Fed by `openssl`, which makes every signature, so that no snippet is checked
against code like its own; feeds the five snippets. Guarantees the same bytes in
every run: keys, times and bodies are constants, and none of the signatures has
anything random in it. Three are published elsewhere and compared with that.
"""

import base64
import json
import subprocess
import tempfile

NOW = 1_760_000_000
ID = "evt_0199a7c4d2f07b1c8e5f3a6b9c0d1e2f"
BODY = '{"amount": "10.00",  "currency":"SEK","payer":"Åsa Öström"}'.encode()
OTHER_BODY = BODY.replace(b"10.00", b"99.00")
RAW_BODY = bytes(range(256))

# The bytes of STANDARD keys, the texts of TEXT keys, the seeds of ED25519 keys.
OLD, NEW, OTHER = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 128))
OLD_TEXT, NEW_TEXT = "an old secret of the customer's", "Q0x5b2d-4_KyMGTcVyNJHoaVIuWkxlDmqSZCPBFKhRk"
OTHER_TEXT = "another secret altogether"
# The order of the group of ed25519's base point (RFC 8032, section 5.1).
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def openssl(*arguments: str, data: bytes) -> bytes:
    return subprocess.run(["openssl", *arguments], input=data, stdout=subprocess.PIPE, check=True).stdout


def hmac(key: bytes, message: bytes, hash: str = "sha256") -> bytes:
    return openssl("dgst", f"-{hash}", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}", "-binary", data=message)


def private_key(seed: bytes) -> bytes:
    """The seed as PKCS #8 has it (RFC 8410, section 7), in DER."""
    return bytes.fromhex("302e020100300506032b657004220420") + seed


def ed25519(seed: bytes, message: bytes) -> bytes:
    with tempfile.NamedTemporaryFile() as key, tempfile.NamedTemporaryFile() as text:
        key.write(private_key(seed))
        text.write(message)
        key.flush()
        text.flush()
        signing = ["pkeyutl", "-sign", "-rawin", "-keyform", "DER"]
        return openssl(*signing, "-inkey", key.name, "-in", text.name, data=b"")


def public_key(seed: bytes) -> bytes:
    return openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", data=private_key(seed))[-32:]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def whsec(key: bytes) -> str:
    return "whsec_" + b64(key)


def whpk(seed: bytes) -> str:
    return "whpk_" + b64(public_key(seed))


def signed_text(body: bytes, id: str = ID, timestamp: str | int = NOW) -> bytes:
    return f"{id}.{timestamp}.".encode() + body


def v1(key: bytes, body: bytes = BODY, **changed) -> str:
    return "v1," + b64(hmac(key, signed_text(body, **changed)))


def v1a(seed: bytes, body: bytes = BODY, **changed) -> str:
    return "v1a," + b64(ed25519(seed, signed_text(body, **changed)))


def malleable(signature: str) -> str:
    """The same point with the group's order added to the scalar: lax code takes it."""
    raw = base64.b64decode(signature.removeprefix("v1a,"))
    scalar = int.from_bytes(raw[32:], "little") + GROUP_ORDER
    return "v1a," + b64(raw[:32] + scalar.to_bytes(32, "little"))


VECTORS = []


def add(valid: bool, scheme: str, name: str, keys: list[str], signatures: list[str], body: bytes, **more) -> None:
    vector = {"scheme": scheme, "name": name, "valid": valid, "keys": keys, "signatures": signatures}
    VECTORS.append(vector | more | {"body_base64": b64(body), "now": more.get("now", NOW)})


def standard(valid, scheme, name, keys, signature, body=BODY, id=ID, timestamp=NOW, now=NOW):
    add(valid, scheme, name, keys, [signature], body, id=id, timestamp=str(timestamp), now=now)


# What both schemes of Standard Webhooks must do, with one way to sign.
def standard_both(scheme, sign, key) -> None:
    def good(name, keys, signature, **more):
        standard(True, scheme, name, keys, signature, **more)

    def bad(name, keys, signature, **more):
        standard(False, scheme, name, keys, signature, **more)

    both = f"{sign(NEW)} {sign(OLD)}"
    good("one key", [key(OLD)], sign(OLD))
    good("a body that is not text", [key(OLD)], sign(OLD, RAW_BODY), body=RAW_BODY)
    good("an empty body", [key(OLD)], sign(OLD, b""), body=b"")
    good("a rotation, the receiver has the old key", [key(OLD)], both)
    good("a rotation, the receiver has the new key", [key(NEW)], both)
    good("the receiver has two keys, one signs", [key(OLD), key(NEW)], sign(NEW))
    good("unknown versions stand before it", [key(OLD)], f"v2,AAAA v1b {sign(OLD)}")
    good("both schemes, v1a last", [key(OLD)], f"{v1(OLD)} {v1a(OLD)}")
    good("both schemes, v1 last", [key(OLD)], f"{v1a(OLD)} {v1(OLD)}")
    for seconds in [-300, 300]:
        good(f"{seconds:+} s, the last that is allowed", [key(OLD)], sign(OLD), now=NOW - seconds)

    bad("another body", [key(OLD)], sign(OLD), body=OTHER_BODY)
    bad("a body with a line end more", [key(OLD)], sign(OLD), body=BODY + b"\n")
    bad("another id", [key(OLD)], sign(OLD), id=ID.replace("evt", "evu"))
    bad("another timestamp", [key(OLD)], sign(OLD), timestamp=NOW + 1)
    bad("an old timestamp", [key(OLD)], sign(OLD), now=NOW + 301)
    bad("a timestamp from the future", [key(OLD)], sign(OLD), now=NOW - 301)
    bad("another key", [key(OTHER[:32])], both)
    bad("a truncated signature", [key(OLD)], sign(OLD)[:-4])
    bad("half a signature", [key(OLD)], sign(OLD)[: len(sign(OLD)) // 2])
    bad("a signature with more behind it", [key(OLD)], sign(OLD) + "AAAA")
    bad("a signature without its version", [key(OLD)], sign(OLD).split(",")[1])
    bad("an empty header", [key(OLD)], "")
    bad("a version without a signature", [key(OLD)], sign(OLD).split(",")[0] + ",")
    bad("a header of other letters", [key(OLD)], sign(OLD).replace(",", ",é日"))
    bad("no id", [key(OLD)], sign(OLD, id=""), id="")
    bad("no timestamp", [key(OLD)], sign(OLD, timestamp=""), timestamp="")
    other_digits = "".join(chr(ord(digit) + ord("０") - ord("0")) for digit in str(NOW))
    not_seconds = [f"+{NOW}", f" {NOW}", f"{NOW} ", f"{NOW}.0", "1.76e9", f"-{NOW}", "9" * 40, other_digits]
    for timestamp in not_seconds:
        bad(f"the timestamp {timestamp!r}", [key(OLD)], sign(OLD, timestamp=timestamp), timestamp=timestamp)
    # "{id}.{timestamp}.{body}" cut in another place reads as another webhook.
    shifted = sign(OLD, f"{NOW}.{{}}".encode(), timestamp=NOW - 1)
    bad("parts shifted into the id", [key(OLD)], shifted, id=f"{ID}.{NOW - 1}", body=b"{}")
    bad("no keys", [], sign(OLD))
    bad("a key without its prefix", [key(OLD).split("_")[1]], sign(OLD))
    bad("a key that is not base64", [key(OLD).replace("A", "*")], sign(OLD))


def standard_v1() -> None:
    published = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    body = b'{"email":"test@example.com","username":"test_user"}'
    named = {"id": "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", "timestamp": 1649367553}
    signature = v1(base64.b64decode(published[6:]), body, **named)
    assert signature == "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
    at = {"now": 1649367553, **named}
    standard(True, "standard_v1", "the specification's example", [published], signature, body, **at)

    standard_both("standard_v1", v1, whsec)
    for key in [NEW[:24], OTHER]:
        standard(True, "standard_v1", f"a key of {len(key)} bytes", [whsec(key)], v1(key))
    for text, key in [("", b"\0"), ("whsec_", b"\0"), (whsec(OLD[:23]), OLD[:23])]:
        # Zero bytes pad a key: one of them signs as none at all does.
        standard(False, "standard_v1", f"the key {text!r}", [text], v1(key))
    standard(False, "standard_v1", "signed by the key's text", [whsec(OLD)], v1(whsec(OLD).encode()))
    standard(False, "standard_v1", "v1a's name", [whsec(OLD)], v1(OLD).replace("v1,", "v1a,"))
    standard(False, "standard_v1", "a public key used as a secret", [whpk(OLD)], v1(public_key(OLD)))


def standard_v1a() -> None:
    # RFC 8032, section 7.1, test 2: the key pair and how it signs 0x72.
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    assert public_key(seed).hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert ed25519(seed, b"\x72").hex().startswith("92a009a9f0d4cab8720e820b5f642540")
    standard(True, "standard_v1a", "a key of RFC 8032", [whpk(seed)], v1a(seed))

    standard_both("standard_v1a", v1a, whpk)
    standard(False, "standard_v1a", "a scalar beyond the group's order", [whpk(OLD)], malleable(v1a(OLD)))
    standard(False, "standard_v1a", "v1's name", [whpk(OLD)], v1a(OLD).replace("v1a,", "v1,"))
    standard(False, "standard_v1a", "a key of 31 bytes", ["whpk_" + b64(public_key(OLD)[:31])], v1a(OLD))
    standard(False, "standard_v1a", "a key that is no point", ["whpk_" + b64(b"\xff" * 32)], v1a(OLD))
    standard(False, "standard_v1a", "the key 'whpk_'", ["whpk_"], v1a(OLD))
    standard(False, "standard_v1a", "the secret where the public key belongs", ["whsk_" + b64(OLD)], v1a(OLD))


def hex_hmac(key: str, message: bytes, hash: str = "sha256") -> str:
    return hmac(key.encode() or b"\0", message, hash).hex()


def stripe() -> None:
    def sign(key: str, body: bytes = BODY, t=NOW) -> str:
        return hex_hmac(key, f"{t}.".encode() + body)

    def vector(valid, name, keys, signature, body=BODY, now=NOW):
        add(valid, "stripe", name, keys, [signature], body, now=now)

    one = f"t={NOW},v1={sign(OLD_TEXT)}"
    both = f"t={NOW},v1={sign(NEW_TEXT)},v1={sign(OLD_TEXT)}"
    vector(True, "one key", [OLD_TEXT], one)
    vector(True, "a body that is not text", [OLD_TEXT], f"t={NOW},v1={sign(OLD_TEXT, RAW_BODY)}", RAW_BODY)
    vector(True, "a rotation, the receiver has the old key", [OLD_TEXT], both)
    vector(True, "a rotation, the receiver has the new key", [NEW_TEXT], both)
    vector(True, "the receiver has two keys, one signs", [NEW_TEXT, OLD_TEXT], one)
    vector(True, "an older version stands beside it", [OLD_TEXT], f"t={NOW},v0=00,v1={sign(OLD_TEXT)}")
    vector(True, "the time stands last, after a space", [OLD_TEXT], f"v1={sign(OLD_TEXT)}, t={NOW}")
    vector(True, "+300 s", [OLD_TEXT], one, now=NOW - 300)
    vector(True, "-300 s", [OLD_TEXT], one, now=NOW + 300)
    vector(False, "another body", [OLD_TEXT], one, OTHER_BODY)
    vector(False, "another time", [OLD_TEXT], one.replace(f"t={NOW}", f"t={NOW + 1}"))
    vector(False, "an old timestamp", [OLD_TEXT], one, now=NOW + 301)
    vector(False, "a timestamp from the future", [OLD_TEXT], one, now=NOW - 301)
    vector(False, "another key", [OTHER_TEXT], both)
    vector(False, "a truncated signature", [OLD_TEXT], one[:-2])
    vector(False, "an empty header", [OLD_TEXT], "")
    vector(False, "no time", [OLD_TEXT], f"v1={hex_hmac(OLD_TEXT, b'.' + BODY)}")
    for signs in [NOW, NOW - 999]:
        for times in [f"t={NOW},t={NOW - 999}", f"t={NOW - 999},t={NOW}"]:
            vector(False, f"two times, {times}, signed {signs}", [OLD_TEXT], f"{times},v1={sign(OLD_TEXT, t=signs)}")
    vector(False, "a time that is no number", [OLD_TEXT], f"t=now,v1={sign(OLD_TEXT, t='now')}")
    vector(False, "no signature", [OLD_TEXT], f"t={NOW}")
    vector(False, "only another version", [OLD_TEXT], f"t={NOW},v0={sign(OLD_TEXT)}")
    vector(False, "signed without the time", [OLD_TEXT], f"t={NOW},v1={hex_hmac(OLD_TEXT, BODY)}")
    vector(False, "an empty key", [""], f"t={NOW},v1={sign('')}")
    vector(False, "no keys", [], one)


FORMATS = [("sha256", "hex"), ("sha256", "base64"), ("sha512", "hex"), ("sha512", "base64")]


def written(key: str, message: bytes, hash: str, encoding: str, prefix: str) -> str:
    digest = hmac(key.encode() or b"\0", message, hash)
    return prefix + (digest.hex() if encoding == "hex" else b64(digest))


def body_hmac() -> None:
    def vector(valid, name, keys, signatures, body=BODY, hash="sha256", encoding="hex", prefix=""):
        add(valid, "hmac", name, keys, signatures, body, prefix=prefix, hash=hash, encoding=encoding)

    # Printed in GitHub's documentation of its webhooks.
    known = hex_hmac("It's a Secret to Everybody", b"Hello, World!")
    assert known == "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    github = {"body": b"Hello, World!", "prefix": "sha256="}
    vector(True, "GitHub's example", ["It's a Secret to Everybody"], ["sha256=" + known], **github)
    for hash, encoding in FORMATS:
        for prefix in ["", "v1="]:
            signature = written(OLD_TEXT, BODY, hash, encoding, prefix)
            form = {"hash": hash, "encoding": encoding, "prefix": prefix}
            vector(True, f"{hash}, {encoding}, prefix {prefix!r}", [OLD_TEXT], [signature], **form)
            changed = f"{hash}, {encoding}, prefix {prefix!r}, another body"
            vector(False, changed, [OLD_TEXT], [signature], OTHER_BODY, **form)
    old, new = hex_hmac(OLD_TEXT, BODY), hex_hmac(NEW_TEXT, BODY)
    vector(True, "a body that is not text", [OLD_TEXT], [hex_hmac(OLD_TEXT, RAW_BODY)], RAW_BODY)
    vector(True, "an empty body", [OLD_TEXT], [hex_hmac(OLD_TEXT, b"")], b"")
    vector(True, "two lines, the receiver has the old key", [OLD_TEXT], [old, new])
    vector(True, "two lines, the receiver has the new key", [NEW_TEXT], [old, new])
    vector(True, "two lines joined by a comma", [NEW_TEXT], [f"{old},{new}"])
    vector(True, "two lines joined by a comma and a space", [NEW_TEXT], [f"{old}, {new}"])
    vector(True, "a prefix that has a comma", [OLD_TEXT], ["a,b=" + old], prefix="a,b=")
    vector(True, "the receiver has two keys, one signs", [OLD_TEXT, NEW_TEXT], [new])
    vector(False, "another key", [OTHER_TEXT], [old, new])
    vector(False, "a truncated signature", [OLD_TEXT], [old[:-2]])
    vector(False, "a signature with more behind it", [OLD_TEXT], [old + "00"])
    vector(False, "an empty header", [OLD_TEXT], [""])
    vector(False, "no header", [OLD_TEXT], [])
    vector(False, "the prefix alone", [OLD_TEXT], ["sha256="], prefix="sha256=")
    vector(False, "without its prefix", [OLD_TEXT], [old], prefix="sha256=")
    vector(False, "with a prefix that is not wanted", [OLD_TEXT], ["sha256=" + old])
    vector(False, "another hash", [OLD_TEXT], [hex_hmac(OLD_TEXT, BODY, "sha512")])
    vector(False, "another encoding", [OLD_TEXT], [old], encoding="base64")
    vector(False, "the key itself", [OLD_TEXT], [OLD_TEXT])
    vector(False, "an empty key", [""], [hex_hmac("", BODY)])
    vector(False, "no keys", [], [old])


def timestamped_hmac() -> None:
    def sign(key: str, timestamp=NOW, separator=":", body=BODY, hash="sha256", encoding="hex", prefix="v1="):
        return written(key, f"{timestamp}{separator}".encode() + body, hash, encoding, prefix)

    def vector(valid, name, keys, signatures, body=BODY, timestamp=NOW, separator=":", now=NOW, **form):
        form = {"prefix": "v1=", "hash": "sha256", "encoding": "hex"} | form
        more = {"timestamp": str(timestamp), "separator": separator, "now": now}
        add(valid, "timestamped_hmac", name, keys, signatures, body, **more, **form)

    for hash, encoding in FORMATS:
        for separator in [":", ".", "", "||"]:
            form = {"hash": hash, "encoding": encoding, "separator": separator}
            vector(True, f"{hash}, {encoding}, separator {separator!r}", [OLD_TEXT], [sign(OLD_TEXT, **form)], **form)
    lines = [sign(OLD_TEXT), sign(NEW_TEXT)]
    raw = sign(OLD_TEXT, body=RAW_BODY)
    vector(True, "a body that is not text", [OLD_TEXT], [raw], RAW_BODY)
    vector(True, "two lines, the receiver has the old key", [OLD_TEXT], lines)
    vector(True, "two lines, the receiver has the new key", [NEW_TEXT], lines)
    vector(True, "two lines joined by a comma", [NEW_TEXT], [", ".join(lines)])
    vector(True, "the receiver has two keys, one signs", [OLD_TEXT, NEW_TEXT], lines[1:])
    vector(True, "+300 s", [OLD_TEXT], lines, now=NOW - 300)
    vector(True, "-300 s", [OLD_TEXT], lines, now=NOW + 300)
    vector(False, "another body", [OLD_TEXT], lines, OTHER_BODY)
    vector(False, "another timestamp", [OLD_TEXT], lines, timestamp=NOW + 1)
    vector(False, "an old timestamp", [OLD_TEXT], lines, now=NOW + 301)
    vector(False, "a timestamp from the future", [OLD_TEXT], lines, now=NOW - 301)
    vector(False, "no timestamp", [OLD_TEXT], [sign(OLD_TEXT, timestamp="")], timestamp="")
    vector(False, "a timestamp that is no number", [OLD_TEXT], [sign(OLD_TEXT, timestamp="now")], timestamp="now")
    vector(False, "another key", [OTHER_TEXT], lines)
    vector(False, "a truncated signature", [OLD_TEXT], [lines[0][:-2]])
    vector(False, "an empty header", [OLD_TEXT], [""])
    vector(False, "no header", [OLD_TEXT], [])
    vector(False, "another separator", [OLD_TEXT], [sign(OLD_TEXT, separator=".")])
    vector(False, "signed without the timestamp", [OLD_TEXT], [sign(OLD_TEXT, timestamp="", separator="")])
    vector(False, "an empty key", [""], [sign("")])
    vector(False, "no keys", [], lines)


def static_secret() -> None:
    def vector(valid, name, keys, lines, prefix=""):
        add(valid, "static_secret", name, keys, lines, BODY, prefix=prefix)

    vector(True, "the secret", [OLD_TEXT], [OLD_TEXT])
    vector(True, "a prefix", [OLD_TEXT], ["Bearer " + OLD_TEXT], prefix="Bearer ")
    vector(True, "two lines, the receiver has the old secret", [OLD_TEXT], [OLD_TEXT, NEW_TEXT])
    vector(True, "two lines, the receiver has the new secret", [NEW_TEXT], [OLD_TEXT, NEW_TEXT])
    vector(True, "two lines joined by a comma", [NEW_TEXT], [f"{OLD_TEXT}, {NEW_TEXT}"])
    vector(True, "a secret that has a comma", ["one,two, three"], ["one,two, three"])
    vector(True, "the receiver has two secrets", [OLD_TEXT, NEW_TEXT], [NEW_TEXT])
    vector(False, "another secret", [OTHER_TEXT], [OLD_TEXT, NEW_TEXT])
    vector(False, "the secret truncated", [OLD_TEXT], [OLD_TEXT[:-1]])
    vector(False, "the secret with more behind it", [OLD_TEXT], [OLD_TEXT + "x"])
    vector(False, "the secret in capitals", [OLD_TEXT], [OLD_TEXT.upper()])
    vector(False, "an empty header", [OLD_TEXT], [""])
    vector(False, "no header", [OLD_TEXT], [])
    vector(False, "without its prefix", [OLD_TEXT], [OLD_TEXT], prefix="Bearer ")
    vector(False, "an empty secret and an empty header", [""], [""])
    vector(False, "an empty secret and the prefix alone", [""], ["Bearer "], prefix="Bearer ")
    vector(False, "an empty secret and an empty value between commas", [""], ["a,,b"])
    vector(False, "no secrets", [], [OLD_TEXT])


for scheme in [standard_v1, standard_v1a, stripe, body_hmac, timestamped_hmac, static_secret]:
    scheme()
rows = ",\n  ".join(json.dumps(vector, ensure_ascii=False) for vector in VECTORS)
print(f'{{"vectors": [\n  {rows}\n]}}')
