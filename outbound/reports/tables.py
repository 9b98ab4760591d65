"""What tables of reports share: how many rows they have, and cells that are put together."""

from collections.abc import Iterable, Sequence

from outbound.reports.document import ReportRow, ReportSection, ReportTable
from reporting.canned_queries import Row
from reporting.formatting import UNKNOWN, format_figure, format_kwh, format_watts

MOST_ROWS = 40  # of a table: Gmail cuts a mail of more than 102 kB
SLOW = "This took too long and was left out."


def table(head: Sequence[str], rows: Iterable[ReportRow], caption: str = "") -> ReportTable:
    """A table of the first MOST_ROWS."""
    listed = tuple(rows)
    return ReportTable(tuple(head), listed[:MOST_ROWS], caption, max(0, len(listed) - MOST_ROWS))


def slow(title: str) -> ReportSection:
    """The section of a query that took too long."""
    return ReportSection(title, (SLOW,))


def notes(*texts: str) -> tuple[str, ...]:
    """The notes that say something."""
    return tuple(text for text in texts if text)


def cost_text(row: Row) -> str:
    """What energy costs, of a row of energy_by_day."""
    if row["cost"] is not None:
        return f"{row['cost']:.2f} {row['currency']}"
    return "several currencies" if row["currency"] == "several" else UNKNOWN


def unpriced_text(row: Row) -> str:
    """The energy for which there is no tariff, where some has one."""
    has_both = row["cost"] is not None and row["unpriced_kwh"]
    return f"{format_kwh(row['unpriced_kwh'])} without a tariff" if has_both else ""


def both(watts: float | None, per_cent: float | None) -> str:
    """A load in W and in per cent of the rating, as far as they are known."""
    if per_cent is None:
        return format_watts(watts)
    share = format_figure(per_cent, "%")
    return share if watts is None else f"{format_watts(watts)} ({share})"
