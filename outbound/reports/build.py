"""The report of a period as a document: its summary, its tiles and its sections."""

from ingest.db.time import format_utc
from outbound.reports.document import ReportDocument, ReportTile
from outbound.reports.figures import ReportFigures
from outbound.reports.sections_of_nodes import battery_section, event_section, node_sections
from outbound.reports.sections_of_upses import ups_sections
from outbound.reports.tables import cost_text
from reporting.canned_queries import Row
from reporting.energy import counted_gap
from reporting.formatting import (
    NARROW_SPACE,
    UNKNOWN,
    format_figure,
    format_length,
    format_local,
    format_number,
    plural,
)
from reporting.outages import OutageSummary
from reporting.period_figures import PeriodFigures, UpsFigures

GAPS = "Figures are measurements: gaps are not filled, and what is not known is shown as –."


def build_report(found: ReportFigures, site: str, link: str) -> ReportDocument:
    """The document of these figures; `site` is the title of the site, `link` its page of the same period."""
    period = found.period
    so_far = " so far" if period.is_open else ""
    spans = " to ".join(local_text(at, period.timezone) for at in (period.since, period.until))
    about = f"{site}, {spans}, {period.timezone}. Made on {local_text(found.now, period.timezone)}."
    figures = found.figures
    if figures is None:
        why = "Nothing was recorded yet: `voltkeeper check` explains what is wrong with the sources."
        if found.began is not None:
            began = local_text(found.began, period.timezone)
            why = f"Nothing was recorded in this time: recording began on {began}."
        return ReportDocument(f"{period.title}{so_far}", about, why, notes=_absent(found), link=link)
    sections = [
        *(ups_sections(found, figures, figures.ups) if figures.ups else ()),
        battery_section(found, figures),
        *(node_sections(found, figures) if found.counts.nodes else ()),
        event_section(found, figures),
    ]
    return ReportDocument(
        f"{period.title}{so_far}",
        about,
        _summary(found, figures),
        tuple(_tiles(found, figures)),
        tuple(section for section in sections if section is not None),
        (*_absent(found), *_began(found), GAPS),
        link,
    )


def local_text(at: float, timezone: str) -> str:
    """Unix seconds as local time."""
    return format_local(format_utc(at), timezone)


def _absent(found: ReportFigures) -> tuple[str, ...]:
    return tuple(
        f"{name}: nothing was ever recorded of this UPS. `voltkeeper check` explains what is wrong."
        for name in found.absent
    )


def _began(found: ReportFigures) -> tuple[str, ...]:
    start = found.before.since if found.before and found.earlier else found.period.since
    if found.began is None or found.began <= start:
        return ()
    at = local_text(found.began, found.period.timezone)
    return (f"Recording began on {at}: the time before is not counted.",)


def _summary(found: ReportFigures, figures: PeriodFigures) -> str:
    """The most important in a sentence or two."""
    upses, parts = figures.ups, []
    if upses is not None:
        parts.append(_outages_text(upses))
        if upses.site is not None and upses.site["kwh"] is not None:
            kwh = format_figure(round(upses.site["kwh"], 2), "kWh")
            compared = found.compare_energy(upses.site, "kwh", "{:,.3f}").change
            change = f", {compared} against {found.before_name}" if compared else ""
            parts.append(f"{kwh} behind the UPSes{change}.")
    if silent := figures.rows.get("silent"):
        parts.append(f"{plural(len(silent), 'silent node')}.")
    if replace := figures.rows["replace"]:
        count = len(replace)
        parts.append(f"{count} batteries to replace." if count > 1 else "1 battery to replace.")
    return " ".join(parts) or "No UPS and no node is known."


def _outages_text(upses: UpsFigures) -> str:
    summary = upses.summary
    if upses.longest is None:
        return "Finding the outages took too long."
    if summary.count:
        return (
            f"{plural(summary.count, 'outage')}, {format_length(summary.seconds)} on battery, the longest "
            f"{format_length(summary.longest)}."
        )
    is_partly = upses.site is not None and counted_gap(upses.site["uncovered_s"]) > 0
    return "No outage was recorded." if is_partly else "No outage."


def _tiles(found: ReportFigures, figures: PeriodFigures) -> list[ReportTile]:
    upses, tiles = figures.ups, []
    if upses is not None and upses.site is not None:
        tiles += _energy_tiles(found, upses, upses.site)
    if upses is not None and upses.longest is not None:
        before = found.earlier.ups if found.earlier else None
        is_known = before is not None and before.longest is not None
        old = _battery_text(before.summary) if before is not None and is_known else None
        tiles.append(ReportTile("On battery", _battery_text(upses.summary), _note(found, old)))
    for name, label in (
        ("silent", "Silent nodes"),
        ("replace", "Batteries to replace"),
        ("events", "Events"),
    ):
        count = _count(name, figures)
        if count is not None:
            is_now = name == "replace"
            old = None if is_now or found.earlier is None else _count(name, found.earlier)
            tiles.append(ReportTile(label, count, "now" if is_now else _note(found, old)))
    return tiles


def _count(name: str, figures: PeriodFigures) -> str | None:
    """How many a block has; None where it is left out, or took too long."""
    rows = figures.rows.get(name)
    if rows is None:
        return None
    number = sum(row["count"] for row in rows) if name == "events" else len(rows)
    return format_number(number) if number else "none"


def _energy_tiles(found: ReportFigures, upses: UpsFigures, site: Row) -> list[ReportTile]:
    kwh = site["kwh"]
    shown = format_figure(round(kwh, 2), "kWh") if kwh is not None else UNKNOWN
    compared = found.compare_energy(site, "kwh", "{:,.2f}" + NARROW_SPACE + "kWh")
    note = "no UPS reports its power" if kwh is None else compared.of(found.before_name)
    tiles = [ReportTile("Energy", shown, note)]
    if found.counts.tariffs:
        tiles.append(ReportTile("Cost", cost_text(site), _cost_note(found, site)))
    old = found.earlier.ups.measured if found.earlier and found.earlier.ups else None
    before = None if old is None else format_figure(old, "%")
    tiles.append(ReportTile("Monitored", format_figure(upses.measured, "%"), _note(found, before)))
    return tiles


def _cost_note(found: ReportFigures, site: Row) -> str:
    return found.compare_energy(site, "cost", f"{{:.2f}} {site['currency']}").of(found.before_name)


def _note(found: ReportFigures, before: str | None) -> str:
    if found.before is None:
        return ""
    unknown = "not recorded" if found.earlier is None else "not known"
    return f"{found.before_name}: {unknown if before is None else before}"


def _battery_text(summary: OutageSummary) -> str:
    if not summary.count:
        return "none"
    return f"{format_length(summary.seconds)} in {plural(summary.count, 'outage')}"
