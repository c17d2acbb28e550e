"""Checks what is in an image, and what it says of itself.

Fed by tests/images/run: contents.py NAME PROGRAM ROOT INSPECTED MAX_BYTES MAX_OTHER_BYTES,
ROOT being the mounted image and INSPECTED what `buildah inspect` says. Prints what is wrong,
and ends with 1 then.
"""

import json
import os
import re
import sys

EXPECTED = [
    r"etc/nsswitch\.conf",
    r"etc/ssl/certs/ca-certificates\.crt",
    r"lib(64)?/([a-z0-9_]+-linux-gnu/)?"
    r"(ld-linux[a-z0-9_-]*\.so\.\d|libc\.so\.6|libm\.so\.6|libgcc_s\.so\.1)",
    r"usr/bin/PROGRAM",
    r"usr/share/licenses/PROGRAM/(LICENSE|crates\.txt)",
    r"usr/share/licenses/(ca-certificates|libc6|libgcc-s1)/copyright",
]
PORTS = {
    "control-plane": {"7443/tcp", "7444/tcp", "7445/tcp", "9464/tcp"},
    "agent": {"9464/tcp"},
}
LABELS = [
    *["title", "description", "source", "documentation"],
    *["licenses", "version", "revision", "created"],
]
# Crates that are in both programs, with licences of their own.
CRATES = ["ring", "rustls", "tokio", "tonic"]


def files(root):
    for folder, _, names in os.walk(root):
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root)


def contents(root, program, max_bytes, max_other_bytes):
    expected = [re.compile(pattern.replace("PROGRAM", program)) for pattern in EXPECTED]
    seen, bytes_in_all = set(), 0
    for path in sorted(files(root)):
        known = [pattern for pattern in expected if pattern.fullmatch(path)]
        seen.update(known)
        if not known:
            yield f"{path} is in the image"
        status = os.lstat(os.path.join(root, path))
        bytes_in_all += status.st_size
        if status.st_mode & 0o6000:
            yield f"{path} gives rights"
    for pattern in expected:
        if pattern not in seen:
            yield f"there is no {pattern.pattern}"
    other_bytes = bytes_in_all - os.lstat(f"{root}/usr/bin/{program}").st_size
    print(f"{bytes_in_all} bytes, {other_bytes} of them beside the program")
    if other_bytes > int(max_other_bytes):
        yield f"{other_bytes} bytes beside the program are more than {max_other_bytes}"
    if max_bytes != "none" and bytes_in_all > int(max_bytes):
        yield f"{bytes_in_all} bytes are more than {max_bytes}"


def licences(root, program):
    with open(f"{root}/usr/share/licenses/{program}/crates.txt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    for crate in CRATES:
        if not any(re.match(rf"{crate} v[0-9.]+: .*LICENSE", line) for line in lines):
            yield f"the licence of {crate} is not in crates.txt"


def description(name, program, inspected):
    with open(inspected, encoding="utf-8") as file:
        config = json.load(file)["OCIv1"]["config"]
    labels = config.get("Labels") or {}
    for label in LABELS:
        if not labels.get(f"org.opencontainers.image.{label}"):
            yield f"there is no label {label}"
    if config.get("User") != "65532:65532":
        yield f"the user is {config.get('User')}"
    if set(config.get("ExposedPorts") or {}) != PORTS[name]:
        yield f"the ports are {config.get('ExposedPorts')}"
    if config.get("Entrypoint") != [f"/usr/bin/{program}"]:
        yield f"the entry point is {config.get('Entrypoint')}"
    if config.get("Volumes"):
        yield f"there are volumes {config['Volumes']}"


def main(name, program, root, inspected, max_bytes, max_other_bytes):
    wrong = [
        *contents(root, program, max_bytes, max_other_bytes),
        *licences(root, program),
        *description(name, program, inspected),
    ]
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong else 0)


main(*sys.argv[1:])
