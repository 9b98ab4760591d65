"""The sections of a report that are about nodes, batteries to replace and events."""

from outbound.reports.document import ReportRow, ReportSection
from outbound.reports.figures import ReportFigures
from outbound.reports.tables import notes, slow, table
from reporting.canned_queries import Row
from reporting.formatting import (
    NARROW_SPACE,
    UNKNOWN,
    format_length,
    format_local,
    format_months,
    format_number,
    plural,
)
from reporting.period_figures import PeriodFigures


def battery_section(found: ReportFigures, figures: PeriodFigures) -> ReportSection:
    """What has to be replaced now, whatever the period is."""
    title, rows = "Batteries to replace now", figures.rows["replace"]
    if rows is None:
        return slow(title)
    if not rows:
        return ReportSection(title, ("None.",))
    shown = [
        ReportRow(
            (_named(row), row["reason"], _changed(row)),
            notes(
                f"level reported on {format_local(row['level_at'], found.period.timezone)}"
                if row["level_at"]
                else ""
            ),
        )
        for row in rows
    ]
    caption = "This is the present state, not that of the period"
    return ReportSection(title, tables=(table(("Battery of", "Why", "Changed"), shown, caption),))


def _changed(row: Row) -> str:
    return "not known" if row["months"] is None else f"{format_months(row['months'])} ago"


def _named(row: Row) -> str:
    name, ref = row.get("label") or row["name"], row.get("ref")
    return f"{name} ({ref})" if ref and ref != name else str(name)


def node_sections(found: ReportFigures, figures: PeriodFigures) -> list[ReportSection]:
    """Silent nodes, and all nodes."""
    return [_silent(found, figures), _nodes(figures)]


def _silent(found: ReportFigures, figures: PeriodFigures) -> ReportSection:
    title, rows = "Silent nodes", figures.rows["silent"]
    if rows is None:
        return slow(title)
    if not rows:
        return ReportSection(title, ("No node was silent for longer than its limit.",))
    shown = [
        ReportRow(
            (_named(row), str(row["times"]), format_length(row["silent_s"]), format_length(row["longest_s"])),
            notes(
                f"last began on {format_local(row['last_at'], found.period.timezone)}",
                f"silent now, for {format_length(row['now_silent_s'])}"
                if row["now_silent_s"] is not None
                else "",
            ),
        )
        for row in rows
    ]
    caption = "Nodes that were silent for longer than their limits"
    return ReportSection(title, tables=(table(("Node", "Count", "Total", "Longest"), shown, caption),))


def _nodes(figures: PeriodFigures) -> ReportSection:
    title, rows = "Nodes", figures.rows["nodes"]
    if rows is None:
        return slow(title)
    if not rows:
        return ReportSection(title, ("No node was known then.",))
    shown = [
        ReportRow(
            (
                _named(row),
                format_number(row["messages"]),
                f"on {row['days_heard']} of {plural(row['days'], 'day')}",
                _level(row["battery"]),
            ),
            notes(
                f"lowest battery {_level(row['lowest_battery'])}"
                if row["lowest_battery"] is not None and row["lowest_battery"] != row["battery"]
                else ""
            ),
        )
        for row in rows
    ]
    caption = "Messages on the days of the period, and the battery level reported last"
    return ReportSection(title, tables=(table(("Node", "Messages", "Heard", "Battery"), shown, caption),))


def _level(level: float | None) -> str:
    return UNKNOWN if level is None else f"{format_number(level)}{NARROW_SPACE}%"


def event_section(found: ReportFigures, figures: PeriodFigures) -> ReportSection:
    """The events that began in the period, by their kind."""
    title, rows = "Events", figures.rows["events"]
    if rows is None:
        return slow(title)
    if not rows:
        return ReportSection(title, ("No event began in this time.",))
    shown = [
        ReportRow(
            (
                row["words"],
                format_number(row["count"]),
                format_length(row["seconds"]),
                format_length(row["longest_s"]),
            ),
            notes(
                f"{row['event']}, {_sources(row)}",
                f"last on {format_local(row['last_at'], found.period.timezone)}",
            ),
        )
        for row in rows
    ]
    caption = "Events that began in this time, with their total length"
    return ReportSection(title, tables=(table(("Event", "Count", "Total", "Longest"), shown, caption),))


def _sources(row: Row) -> str:
    if row["kind"] == "clock":
        return "the clock"
    return plural(row["things"], row["kind"], "es" if row["kind"] == "UPS" else "s")
