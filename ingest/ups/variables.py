"""Labels, units and order of UPS variables, from `variables.yml` of this package."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypedDict

from ingest.yaml_files import read_yaml

FILE = Path(__file__).parents[1] / "variables.yml"
_INDEX = re.compile(r"(?<=\.)\d+(?=\.)")
_LINE = re.compile(r"(?<=\.)(?:L[123](?:-(?:L[123]|N))?|N)(?=\.)")


class _Entry(TypedDict, total=False):
    label: str
    unit: str
    group: str


class _File(TypedDict):
    groups: dict[str, str]
    variables: dict[str, _Entry]


@dataclass(frozen=True)
class Variable:
    """How one variable is shown. `unit` is '' where it has none; `order` sorts, unknown ones come last."""

    name: str
    label: str
    unit: str
    group: str
    order: int


@lru_cache(maxsize=1)
def _file() -> _File:
    content: _File = read_yaml(FILE)
    return content


def groups() -> dict[str, str]:
    """Group -> its heading, in order; 'other' holds what has no entry."""
    return _file()["groups"] | {"other": "Other"}


def variable_names() -> tuple[str, ...]:
    """Every name that the file knows; n stands for the number of an outlet, LINE for a phase."""
    return tuple(_file()["variables"])


def pattern_of(name: str) -> str:
    """The name with n for its first number and LINE for its phase, as the file has it."""
    return _LINE.sub("LINE", _INDEX.sub("n", name, count=1), count=1)


def series_title(names: Sequence[str]) -> str:
    """What variables of one pattern have in common: `Input voltage by phase`, `Power of outlets`."""
    if len(names) == 1:
        return full_label(names[0])
    entry = _file()["variables"].get(pattern_of(names[0]))
    if entry is None:
        return pattern_of(names[0])
    label = entry["label"].replace(" LINE", " by phase")
    return re.sub(r"\b(outlet|probe|input|group) n\b", r"\1s", label)


@lru_cache(maxsize=4096)
def variable(name: str) -> Variable:
    """The entry of a variable: its own, its pattern's (outlet.n.status), or one made of its name."""
    entries = _file()["variables"]
    index, line = _INDEX.search(name), _LINE.search(name)
    pattern = pattern_of(name)
    entry = entries.get(name) or entries.get(pattern)
    if entry is None:
        return Variable(name, name, "", "other", len(entries))
    label = entry["label"]
    if name not in entries:
        label = re.sub(r"\bn\b", index[0], label) if index else label
        label = label.replace("LINE", line[0]) if line else label
    known = name if name in entries else pattern
    return Variable(name, label, entry.get("unit", ""), entry["group"], list(entries).index(known))


def full_label(name: str) -> str:
    """The label of a variable away from the others of its group: `Battery: Low below`."""
    entry = variable(name)
    return entry.label if entry.group == "other" else f"{groups()[entry.group]}: {entry.label}"


def in_page_order(names: Iterable[str]) -> list[Variable]:
    """The entries of these variables as pages show them: in the file's order, then by name."""
    return sorted((variable(name) for name in names), key=lambda entry: (entry.order, entry.name))
