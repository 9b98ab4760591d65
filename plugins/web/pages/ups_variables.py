"""The variables on the page of a UPS: names, values, what the config corrects or leaves out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ingest.ups.corrections import VariableSettings, correct
from ingest.ups.plausible import parse_value
from ingest.ups.variables import Variable, groups, in_page_order, variable
from plugins.web.query import Row

AllSettings = Mapping[str, VariableSettings]
NOTHING = VariableSettings()


@dataclass(frozen=True)
class Corrected:
    """A variable that the config corrects: how, the device's text, and the text that counts ('' for none)."""

    name: str
    how: str
    sent: str
    counts: str
    unit: str


@dataclass(frozen=True)
class ShownVariables:
    """(heading, [(Variable, row)]) in the order of variables.yml; what is corrected, what is left out.

    A row that is corrected has it as `corrected`.
    """

    groups: list[tuple[str, list[tuple[Variable, Row]]]]
    corrected: list[Corrected]
    hidden: list[str]


def show_variables(variables: Sequence[Row], settings: AllSettings) -> ShownVariables:
    """The rows of `ups_variables` of one UPS as its page has them."""
    texts = {row["variable"]: row["value"] for row in variables}
    counted = correct(texts, settings)
    corrected = {
        name: Corrected(name, own.describe(), texts.get(name, ""), counted.get(name, ""), variable(name).unit)
        for name, own in settings.items()
        if own.is_correction and (name in texts or name in counted)
    }
    hidden = sorted(name for name in texts if settings.get(name, NOTHING).hide)
    rows = {
        row["variable"]: row | {"corrected": corrected.get(row["variable"])}
        for row in variables
        if row["variable"] not in hidden
    }
    found: dict[str, list[tuple[Variable, Row]]] = {}
    for entry in in_page_order(list(rows)):
        label = settings.get(entry.name, NOTHING).label
        named = replace(entry, label=label) if label else entry
        found.setdefault(entry.group, []).append((named, rows[entry.name]))
    headings = groups()
    return ShownVariables(
        [(headings[name], found[name]) for name in headings if name in found],
        sorted(corrected.values(), key=lambda one: one.name),
        hidden,
    )


def compared_as_shown(rows: Sequence[Row], settings: AllSettings) -> list[Row]:
    """The rows of `ups_compare` under the names of the config, without what it leaves out."""
    return [
        row | {"label": settings.get(row["variable"], NOTHING).label or row["label"]}
        for row in rows
        if not settings.get(row["variable"], NOTHING).hide
    ]


def counted_texts(variables: Sequence[Row], settings: AllSettings) -> Mapping[str, str]:
    """Variable -> its text as it counts."""
    return correct({row["variable"]: row["value"] for row in variables}, settings)


def numbers_in(texts: Mapping[str, str]) -> dict[str, float | None]:
    """Variable -> the number in its text, None where there is none."""
    return {name: parse_value(text) for name, text in texts.items()}
