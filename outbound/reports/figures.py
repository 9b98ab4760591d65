"""What a report of a period is made from: its figures, and those of the period before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.db.time import parse_utc
from outbound.reports.document import clean
from outbound.reports.period import period_before
from reporting.canned_queries import QueryReader, Row
from reporting.charts.scale import MINUS
from reporting.energy_period import ENOUGH, name_period
from reporting.formatting import NARROW_SPACE
from reporting.period_figures import COUNTS, Counts, PeriodFigures, read_figures
from reporting.recording import RECORDING_START, RecordingStart
from reporting.report_period import Period

LABELS = "select name, coalesce(nullif(label, ''), name) as label from ups order by id"


class Compared(NamedTuple):
    """A figure of the period before as text, and the change where both were measured nearly fully."""

    text: str
    change: str = ""

    def of(self, name: str) -> str:
        """With the name of that period: `September: 12.345 kWh, +5 %`."""
        return f"{name}: {self.text}" + (f", {self.change}" if self.change else "")


@dataclass(frozen=True)
class ReportFigures:
    """The figures of a period and of the one before, None where nothing was recorded.

    `labels` are those of the UPSes that it is of, by name; `absent` are chosen UPSes of which nothing was
    ever recorded; `began` is when recording did, unix seconds.
    """

    period: Period
    before: Period | None
    now: float
    counts: Counts
    labels: dict[str, str]
    absent: tuple[str, ...]
    began: float | None
    figures: PeriodFigures | None
    earlier: PeriodFigures | None

    @property
    def before_name(self) -> str:
        """What the period before is called: `September`, `the same part of September`."""
        if self.before is None:
            return ""
        name = name_period(self.before, self.now)
        if self.began is not None and self.before.since < self.began < self.before.until:
            name += f" from {datetime.fromtimestamp(self.began, ZoneInfo(self.period.timezone)):%-d %b}"
        return f"the same part of {name}" if self.period.is_open else name

    @property
    def measured_upses(self) -> int:
        """How many UPSes were measured in this period or in the one before: not one that is long gone."""
        rows = [*self._energy(self.figures), *self._energy(self.earlier)]
        return len({row["ups"] for row in rows if row["ups"] is not None and row["covered_s"]})

    @staticmethod
    def _energy(figures: PeriodFigures | None) -> list[Row]:
        return (figures.rows.get("energy") if figures else None) or []

    def name_of(self, ups: str) -> str:
        """What a UPS is called: its label, with its name where another has the same label."""
        label = self.labels.get(ups, ups)
        return label if list(self.labels.values()).count(label) < 2 or label == ups else f"{label} ({ups})"

    def measured(self, row: Row, is_before: bool = False) -> float:
        """How much of the whole period a row of energy_by_day was measured, per cent."""
        period = self.before if is_before and self.before else self.period
        span = (period.until - period.since) * (self.measured_upses if row["ups"] is None else 1)
        return min(100.0, 100 * (row["covered_s"] or 0) / span) if span else 0.0

    def compare_energy(self, row: Row, column: str, text: str) -> Compared:
        """What a row of energy_by_day was before. `text` formats the value, as str.format has it."""
        old = next((one for one in self._energy(self.earlier) if one["ups"] == row["ups"]), None)
        if old is None or old[column] is None:
            return Compared("not recorded" if old is None else "not known")
        shares = (self.measured(row), self.measured(old, is_before=True))
        shown = text.format(old[column])
        if shares[1] < ENOUGH:
            return Compared(f"{shown} in the {shares[1]:.0f}{NARROW_SPACE}% of the time that were measured")
        is_comparable = shares[0] >= ENOUGH and old[column] > 0 and row[column] is not None
        return Compared(shown, signed_per_cent(row[column] / old[column]) if is_comparable else "")


def signed_per_cent(ratio: float) -> str:
    """How much more or less a figure is: `+5 %`, `−12 %`."""
    per_cent = round(100 * (ratio - 1))
    sign = "+" if per_cent > 0 else MINUS if per_cent < 0 else "±"
    return f"{sign}{abs(per_cent)}{NARROW_SPACE}%"


def read_report(reader: QueryReader, period: Period, now: float, upses: Sequence[str]) -> ReportFigures:
    """Read all figures of a report; `upses` are the chosen ones, none for all."""
    known = _read_labels(reader)
    labels = {name: label for name, label in known.items() if not upses or name in upses}
    row = (reader.select(COUNTS) or [{}])[0]
    counts = Counts(len(labels), 0 if upses else row["nodes"], row["tariffs"])
    began = _began(reader, bool(upses))
    before = period_before(period, now)
    chosen = tuple(labels) if upses else ()
    shown = None if upses and not labels else read_if_recorded(reader, period, began, counts, labels, chosen)
    earlier = read_if_recorded(reader, before, began, counts, labels, chosen) if shown and before else None
    absent = tuple(name for name in upses if name not in known)
    return ReportFigures(period, before, now, counts, labels, absent, began, shown, earlier)


def _read_labels(reader: QueryReader) -> dict[str, str]:
    """What each UPS is called, by its name."""
    return {row["name"]: clean(row["label"]) or row["name"] for row in reader.select(LABELS) or ()}


def _began(reader: QueryReader, of_upses: bool) -> float | None:
    start = RecordingStart.parse((reader.select(RECORDING_START) or [{"ups": None, "whole": None}])[0])
    text = start.ups if of_upses else start.whole
    return parse_utc(text) if text else None


def read_if_recorded(
    reader: QueryReader,
    period: Period,
    began: float | None,
    counts: Counts,
    labels: dict[str, str],
    upses: Sequence[str],
) -> PeriodFigures | None:
    """The figures of a period; None where recording began after it."""
    if began is None or period.until <= began:
        return None
    return read_figures(reader, period, counts, labels, upses)
