"""What the config says of single variables: corrections of what a device sends, names, what pages leave out.

Corrections are applied to what samples are made of, before the plausible ranges; the text of a variable stays
as the device sends it. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace

from ingest.ups.commands import COMMANDS
from ingest.ups.plausible import parse_value
from ingest.ups.records import Variables

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
PATTERN = re.compile(r"[A-Za-z0-9*][A-Za-z0-9_.*-]*")
MOST_DECIMALS = 6
# Texts that are read as they are: a number made of them would mean nothing.
TEXTS = ("ups.status", "ups.alarm", "ups.test.result", "ups.test.date", "battery.date", "input.source")
IGNORABLE = ("battery.date", "input.source")  # of those: nothing is concluded from them


@dataclass(frozen=True)
class VariableSettings:
    """One variable of one UPS, or of all: an entry of `variables:`. None: not said here.

    The number in its text, or in that of the variable `source`, times `scale` plus `offset` is what counts;
    `ignore`: none does. `label` is its name on pages; `hide` leaves it out of them.
    """

    scale: float | None = None
    offset: float | None = None
    ignore: bool | None = None
    source: str | None = field(default=None, metadata={"key": "from"})
    label: str | None = None
    hide: bool | None = None

    @property
    def is_correction(self) -> bool:
        """Whether it changes what counts."""
        return bool(self.ignore) or any(value is not None for value in (self.scale, self.offset, self.source))

    def check(self) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for each value that is wrong."""
        if self.scale == 0:
            yield "scale", "0 makes every value 0: use ignore: true for a variable that means nothing"
        if self.ignore and any(value is not None for value in (self.scale, self.offset, self.source)):
            yield "ignore", "true leaves nothing to scale, to offset or to take from elsewhere: keep one"
        if self.source is not None and (reason := misnamed_reason(self.source)):
            yield "from", reason
        if self.label is not None and not self.label.strip():
            yield "label", "is empty: leave it out"
        if all(getattr(self, one.name) is None for one in fields(self)):
            yield "", "says nothing: give scale, offset, from, ignore, label or hide"

    def over(self, other: "VariableSettings") -> "VariableSettings":
        """This, with what it does not say from `other`; a correction replaces the whole of another one."""
        if self.is_correction or self.ignore is False:
            other = VariableSettings(label=other.label, hide=other.hide)
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(other, **{name: value for name, value in given.items() if value is not None})

    def describe(self) -> str:
        """The correction for people: `from input.L1-N.voltage, x 0.15, - 0.5`; '' where there is none."""
        if self.ignore:
            return "ignored"
        parts = [f"from {self.source}"] if self.source else []
        if self.scale is not None:
            parts.append(f"x {self.scale:g}")
        if self.offset is not None:
            parts.append(f"{'-' if self.offset < 0 else '+'} {abs(self.offset):g}")
        return ", ".join(parts)


AllVariables = Mapping[str, VariableSettings]


def misnamed_reason(name: str) -> str | None:
    """Why this is no name of a variable; None where it can be one.

    Devices have names besides the standard ones, `input.voltage.minimim` among them: `voltkeeper check`
    compares with what the device has.
    """
    if not NAME.fullmatch(name):
        return f"{name!r} is not the name of a variable"
    return f"{name!r} is a command, not a variable" if name in COMMANDS else None


def invalid_record_reason(pattern: str) -> str | None:
    """Why an entry of `record:` is wrong; None where it names variables, `*` standing for any text."""
    if not PATTERN.fullmatch(pattern):
        return f"{pattern!r} is not the name of a variable; ambient.* stands for all that begin so"
    return None


def check_variables(variables: AllVariables) -> Iterator[tuple[str, str]]:
    """Yield (key, message) for each entry of `variables:` that cannot be right as a whole."""
    for name, own in variables.items():
        key = f"variables.{name}"
        if reason := misnamed_reason(name):
            yield key, reason
        elif own.source == name:
            yield f"{key}.from", "is the variable itself: leave it out"
        elif own.is_correction and name in TEXTS and not (own.ignore and name in IGNORABLE):
            yield key, "is no number of a sample: only label and hide apply to it"


def merge(for_all: AllVariables, own: AllVariables) -> dict[str, VariableSettings]:
    """The entries for all UPSes with those of one, which come first."""
    merged = dict(for_all)
    for name, entry in own.items():
        merged[name] = entry.over(merged.get(name, VariableSettings()))
    return merged


def correct(variables: Variables, settings: AllVariables) -> Variables:
    """The variables as they count: each corrected one with the text of what it amounts to, or without.

    `from` takes the other variable as the device sends it. A text that is no number stays as it is.
    """
    corrections = {name: entry for name, entry in settings.items() if entry.is_correction}
    if not corrections:
        return variables
    counted = dict(variables)
    for name, entry in corrections.items():
        counted.pop(name, None)
        text = variables.get(entry.source or name)
        if text is not None and not entry.ignore:
            counted[name] = _corrected(text, entry)
    return counted


def _corrected(text: str, entry: VariableSettings) -> str:
    number = parse_value(text)
    if number is None or (entry.scale is None and entry.offset is None):
        return text
    scale = 1.0 if entry.scale is None else entry.scale
    return f"{round(number * scale + (entry.offset or 0.0), MOST_DECIMALS):.12g}"
