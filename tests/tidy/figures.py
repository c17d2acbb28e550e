#!/usr/bin/env python3
"""Prints figures of the production Rust code: tests/tidy/figures.py [CHECKOUT]

Sizes of files and functions, the share of names of one word, comments, and for each
crate its rooms (folders and files at the top of src), the arrows between them, and the
circles of files. Tests, benchmarks and generated code are left out. It reads text, not
syntax: good for a comparison of two commits, not to the last digit.
"""
import collections
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
CRATES = {
    "agent": "agent/src",
    "postrider-webhook-request": "agent/request/src",
    "postrider-telemetry": "agent/telemetry/src",
    "postrider-settings": "agent/settings/src",
    "postrider-tls": "agent/tls/src",
    "postrider": "control-plane/src",
    "fair-batch": "control-plane/fair-batch/src",
    "postrider-domain": "control-plane/domain/src",
    "postrider-identity": "control-plane/identity/src",
    "postrider-store": "control-plane/store/src",
}


def sources():
    listed = subprocess.run(
        ["git", "ls-files", "*.rs"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    for path in listed:
        name = path.rsplit("/", 1)[-1]
        is_test = re.search(r"(^|/)(tests|benches|examples)/", path)
        if not is_test and name != "tests.rs" and not name.endswith("_tests.rs"):
            yield path


def production(text):
    """Without the module of unit tests at the end of a file."""
    return re.split(r"\n#\[cfg\(test\)\]\n(?:#\[[^\n]*\n)*(?:pub )?mod \w+ \{", text)[0]


def percentile(values, percent):
    values = sorted(values)
    return values[min(len(values) - 1, len(values) * percent // 100)] if values else 0


def functions(text):
    lines = text.split("\n")
    for start, line in enumerate(lines):
        if not re.match(r"\s*(pub(\([^)]*\))? )?(const )?(async )?(unsafe )?fn \w", line):
            continue
        indent = len(line) - len(line.lstrip())
        heads = (at for at in range(start, len(lines)) if lines[at].endswith(("{", ";", "}")))
        head = next(heads, start)
        if not lines[head].endswith("{"):
            yield 1 if lines[head].endswith("}") else 0
            continue
        closing = " " * indent + "}"
        yield next((at - start + 1 for at in range(head, len(lines)) if lines[at] == closing), 1)


def share(names, is_one_word):
    return 100 * sum(map(is_one_word, names)) / max(len(names), 1)


def module(path, folder):
    parts = path[len(folder) + 1 : -3].split("/")
    return tuple(parts[:-1] if parts[-1] in ("mod", "lib", "main") else parts)


def uses(text, own, modules):
    """The modules of the crate that a file names after `crate::` or `super::`."""
    found = set()
    text = re.sub(r"//[^\n]*", "", text)
    for statement in re.findall(r"\buse ([^;]+);", text) + re.findall(
        r"\b((?:crate|super)::[\w:]+)", text
    ):
        statement = re.sub(r"\s+", "", statement)
        head, _, inner = statement.partition("{")
        branches = [head + branch for branch in inner.rstrip("}").split(",")] if inner else [head]
        for branch in branches:
            parts = [part for part in re.split(r"::|\{|\}", branch) if part]
            base = ()
            if parts[:1] == ["crate"]:
                parts = parts[1:]
            elif parts[:1] == ["super"]:
                base = own
                while parts[:1] == ["super"]:
                    base, parts = base[:-1], parts[1:]
            else:
                continue
            target = tuple(base) + tuple(parts)
            while target and target not in modules:
                target = target[:-1]
            if target and target != own:
                found.add(target)
    return found


def circles(graph):
    """How many files are on a circle (strongly connected components, Tarjan)."""
    index, low, stack, on_stack, count = {}, {}, [], set(), 0

    def visit(node):
        nonlocal count
        index[node] = low[node] = len(index)
        stack.append(node)
        on_stack.add(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in on_stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = []
            while True:
                last = stack.pop()
                on_stack.discard(last)
                component.append(last)
                if last == node:
                    break
            if len(component) > 1:
                count += len(component)

    for node in list(graph):
        if node not in index:
            visit(node)
    return count


def main():
    sys.setrecursionlimit(10_000)
    texts = {path: production((ROOT / path).read_text()) for path in sources()}
    lines = [text.count("\n") + 1 for text in texts.values()]
    sizes = [size for text in texts.values() for size in functions(text) if size]
    types = [
        name
        for text in texts.values()
        for name in re.findall(r"^(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait) (\w+)", text, re.M)
    ]
    constants = [
        name
        for text in texts.values()
        for name in re.findall(r"^(?:pub(?:\([^)]*\))? )?(?:const|static) ([A-Z0-9_]+):", text, re.M)
    ]
    code = [line.strip() for text in texts.values() for line in text.split("\n")]
    comments = sum(line.startswith("//") and not line.startswith(("///", "//!")) for line in code)
    docs = sum(line.startswith(("///", "//!")) for line in code)
    print(f"files {len(lines)}, lines {sum(lines)}, p90 {percentile(lines, 90)}, max {max(lines)}")
    print(
        f"functions {len(sizes)}, lines p90 {percentile(sizes, 90)}, "
        f"p99 {percentile(sizes, 99)}, max {max(sizes)}"
    )
    one_word_type = lambda name: not re.search(r"[a-z0-9][A-Z]", name)
    print(f"types {len(types)}, of one word {share(types, one_word_type):.0f} %")
    print(f"constants {len(constants)}, of one word {share(constants, lambda n: '_' not in n):.0f} %")
    print(f"plain comments {100 * comments / len(code):.1f} %, documents {100 * docs / len(code):.1f} %")
    for name, folder in CRATES.items():
        files = {module(path, folder): text for path, text in texts.items() if path.startswith(folder + "/")}
        if not files:
            continue
        graph = {own: uses(text, own, files.keys()) for own, text in files.items()}
        rooms = {own[0] for own in files if own}
        arrows = collections.Counter(
            (own[0], other[0]) for own, others in graph.items() for other in others
            if own and other and own[0] != other[0]
        )
        back = sum((b, a) in arrows for a, b in arrows) // 2
        print(
            f"{name}: files {len(files)}, rooms {len(rooms)}, arrows between them {len(arrows)}, "
            f"pairs in both directions {back}, files on a circle {circles(graph)}"
        )


main()
