"""The parts of the charts that are made of others: settings and their defaults, tables in READMEs.

Fed by the programs' settings and by each chart's values.yaml; feeds `run` with what each file
should be. Guarantees that every value is described.
"""

import json
import re

import yaml

MARK_BEGIN = "<!-- generated: begin -->"
MARK_END = "<!-- generated: end -->"


def schema(text, program):
    """The chart's schema, with the settings as the program has them."""
    whole = json.loads(text)
    place = whole["definitions"] if "config" in whole["definitions"] else whole["properties"]
    place["config"] = program.schema()
    return json.dumps(whole, indent=2) + "\n"


def defaults(program):
    """The numbers by which the chart checks those that are given."""
    return json.dumps(program.numbers(), indent=2) + "\n"


def readme(text, values_text):
    """The chart's README, with a table of its values."""
    head, rest = text.split(MARK_BEGIN)
    _, tail = rest.split(MARK_END)
    return f"{head}{MARK_BEGIN}\n{values_table(values_text)}{MARK_END}{tail}"


def values_table(text):
    defaults = yaml.safe_load(text)
    rows = ["| value | default | what it is |", "|---|---|---|"]
    for path, description in descriptions(text):
        rows.append(f"| `{path}` | `{json.dumps(value_at(defaults, path))}` | {description} |")
    return "\n".join(rows) + "\n"


def descriptions(text):
    """Each described value's path, and its description in one line."""
    path, comment, found = [], [], []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped[1:].strip())
            continue
        key = re.match(r"^( *)([A-Za-z][A-Za-z0-9]*):", line)
        if key:
            depth = len(key.group(1)) // 2
            path[depth:] = [key.group(2)]
            if comment and comment[0].startswith("--"):
                words = " ".join(comment).removeprefix("--").strip()
                found.append((".".join(path), words.replace("|", "\\|")))
        comment = []
    return found


def value_at(values, path):
    for name in path.split("."):
        values = values[name]
    return values


def undescribed(text):
    """Values that no comment describes, neither their own nor that of what they are in."""
    described = [path for path, _ in descriptions(text)]

    def is_described(path):
        return any(path == known or path.startswith(f"{known}.") for known in described)

    def leaves(values, before):
        for name, value in values.items():
            path = f"{before}{name}"
            if isinstance(value, dict) and value and not is_described(path):
                yield from leaves(value, f"{path}.")
            else:
                yield path

    return [path for path in leaves(yaml.safe_load(text), "") if not is_described(path)]
