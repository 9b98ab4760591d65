"""The sections of a report that are about UPSes: availability, outages, energy, load, mains voltage."""

from outbound.reports.document import ReportRow, ReportSection
from outbound.reports.figures import ReportFigures
from outbound.reports.tables import both, cost_text, notes, slow, table, unpriced_text
from reporting.canned_queries import Row
from reporting.charts import Chart
from reporting.charts.canvas import COLOURS
from reporting.energy import counted_gap
from reporting.energy_period import describe_gap, draw_steps, greatest_gaps, greatest_step, steps_of
from reporting.formatting import (
    NARROW_SPACE,
    UNKNOWN,
    all_names,
    format_figure,
    format_kwh,
    format_length,
    format_local,
    format_number,
    format_watts,
    plural,
)
from reporting.outages import MainsOutage
from reporting.period_figures import Availability, PeriodFigures, UpsFigures

ENOUGH_HOURS = 20  # for a percentile
MOST_HISTOGRAMS = 6
NO_TARIFF = (
    "No tariff: energy has no price. Add one to config.yml: "
    "energy: [{from: 2026-01-01, price_per_kwh: 0.32, currency: EUR}]"
)


def ups_sections(found: ReportFigures, figures: PeriodFigures, upses: UpsFigures) -> list[ReportSection]:
    """All of them, in the order of the page /reports."""
    return [
        _availability(found, upses),
        _outages(found, upses),
        _energy(found, figures, upses),
        _load(found, figures),
        _mains(found, figures, upses),
    ]


def gap_text(row: Row) -> str:
    """How long nothing was measured, of a row with uncovered_s."""
    gap_s = counted_gap(row["uncovered_s"])
    return f"no data for {format_length(gap_s)}" if gap_s else ""


def _availability(found: ReportFigures, upses: UpsFigures) -> ReportSection:
    title = "Availability"
    if upses.availability is None:
        return slow(title)
    if not upses.availability:
        return ReportSection(title, ("No UPS answered.",))
    rows = [_availability_row(found, one) for one in upses.availability]
    caption = "Share of the monitored time that each UPS was on mains"
    return ReportSection(
        title, tables=(table(("UPS", "On mains", "On battery", "Monitored"), rows, caption),)
    )


def _availability_row(found: ReportFigures, one: Availability) -> ReportRow:
    row = one.row
    unknown = UNKNOWN if one.on_mains is None else "none"
    cells = (
        found.name_of(row["name"]),
        format_figure(one.on_mains, "%"),
        format_length(one.on_battery_s) if one.on_battery_s else unknown,
        format_figure(one.measured, "%"),
    )
    failed = row["polls_failed"]
    polls = (
        f"{format_number(failed)} failed poll{'' if failed == 1 else 's'}: {row['failures']}"
        if failed
        else ""
    )
    return ReportRow(cells, notes(gap_text(row), polls))


def _outages(found: ReportFigures, upses: UpsFigures) -> ReportSection:
    title = "Outages"
    if upses.longest is None:
        return slow(title)
    if not upses.longest:
        return ReportSection(title, ("None was recorded.",))
    others = len(upses.outages) + upses.older_outages
    caption = "What several UPSes saw at once is one"
    if others:
        shown = len(upses.longest)
        caption = f"The {shown} longest of {shown + others}; what several UPSes saw at once is one"
    rows = [_outage_row(found, one) for one in upses.longest]
    return ReportSection(
        title, tables=(table(("Start", "Length", "Lowest charge", "Energy"), rows, caption),)
    )


def _outage_row(found: ReportFigures, one: MainsOutage) -> ReportRow:
    cells = (
        format_local(one.started_at, found.period.timezone),
        format_length(one.seconds),
        format_figure(one.lowest_charge, "%"),
        UNKNOWN if one.wh is None else format_figure(round(one.wh, 1), "Wh"),
    )
    names = all_names([found.name_of(member.name) for member in one.members], found.counts.upses)
    states = [*([] if one.ended_at else ["ongoing"]), *([] if one.complete else ["incomplete"])]
    return ReportRow(cells, notes(", ".join([names, *states]), f"cause: {one.cause}"))


def _energy(found: ReportFigures, figures: PeriodFigures, upses: UpsFigures) -> ReportSection:
    title, rows = "Energy", figures.rows["energy"]
    if rows is None:
        return slow(title)
    if not rows:
        return ReportSection(title, ("No UPS answered.",))
    has_cost = bool(found.counts.tariffs)
    head = ("UPS", "Energy", *(("Cost",) if has_cost else ()), "Average")
    shown = [row for row in rows if row["ups"] is not None or len(rows) > 2]
    caption = "The load behind the UPSes, not what they draw from the mains; of the monitored time only"
    is_stack = len(found.labels) <= COLOURS  # of more, two would have the same colour
    chart = _energy_chart(found, figures) if is_stack else upses.energy_bars
    return ReportSection(
        title,
        (*_energy_texts(found, figures), *(() if has_cost else (NO_TARIFF,))),
        (table(head, [_energy_row(found, row, has_cost) for row in shown], caption),),
        (chart,) if chart else (),
    )


def _energy_texts(found: ReportFigures, figures: PeriodFigures) -> list[str]:
    """The step with most energy, and those with the greatest gaps."""
    if not figures.rows["steps"]:
        return []
    steps, timezone = steps_of(figures.rows["steps"], found.period), found.period.timezone
    greatest = greatest_step(steps, timezone)
    labels = {name: found.name_of(name) for name in found.labels}
    return [
        *([f"Most energy: {greatest[0]}, {format_kwh(greatest[1])}."] if greatest and greatest[1] else []),
        *(f"{describe_gap(gap, labels, len(labels))}." for gap in greatest_gaps(steps, timezone)),
    ]


def _energy_row(found: ReportFigures, row: Row, has_cost: bool) -> ReportRow:
    is_house = row["ups"] is None
    cells = (
        "House" if is_house else found.name_of(row["name"]),
        format_kwh(row["kwh"]),
        *((cost_text(row),) if has_cost else ()),
        format_watts(row["watts_avg"]),
    )
    gap = gap_text(row)
    return ReportRow(
        cells,
        notes(
            found.compare_energy(row, "kwh", "{:,.3f}" + NARROW_SPACE + "kWh").of(found.before_name),
            f"{gap}, summed over the UPSes" if gap and is_house else gap,
            unpriced_text(row),
        ),
        is_house,
    )


def _energy_chart(found: ReportFigures, figures: PeriodFigures) -> Chart | None:
    """Bars by step of the period, those of the period before behind them."""
    rows, before = figures.rows["steps"], found.before
    if not rows or before is None:
        return None
    earlier = (found.earlier.rows["steps"] if found.earlier else None) or []
    names = list(found.labels)
    return draw_steps(
        steps_of(rows, found.period),
        steps_of(earlier, before),
        names,
        [found.name_of(name) for name in names],
        None,
        found.before_name,
        found.period.timezone,
        found.now,
    )


def _load(found: ReportFigures, figures: PeriodFigures) -> ReportSection:
    title, rows = "Load", figures.rows["load"]
    if rows is None:
        return slow(title)
    if not rows:
        return ReportSection(title, ("No samples were stored.",))
    shown = [
        ReportRow(
            (
                found.name_of(row["name"]),
                both(row["watts_min"], row["load_min"]),
                both(row["watts_avg"], row["load_avg"]),
                both(row["watts_max"], row["load_max"]),
            ),
            notes(
                f"95th percentile of the hours: {both(row['watts_95'], row['load_95'])}"
                if row["hours"] >= ENOUGH_HOURS
                else f"{plural(row['hours'], 'hour')}: too few for a percentile",
                f"rated {format_figure(row['realpower_nominal'], 'W')}" if row["realpower_nominal"] else "",
            ),
        )
        for row in rows
    ]
    return ReportSection(title, tables=(table(("UPS", "Lowest", "Average", "Highest"), shown),))


def _mains(found: ReportFigures, figures: PeriodFigures, upses: UpsFigures) -> ReportSection:
    title, rows = "Mains voltage", figures.rows["quality"]
    if rows is None:
        return slow(title)
    shown = [
        ReportRow(
            (
                found.name_of(row["name"]),
                format_figure(row["lowest_on_mains"], "V"),
                format_figure(row["voltage_avg"], "V"),
                format_figure(row["highest_voltage"], "V"),
            ),
            notes(
                ", ".join((plural(row["sags"], "sag"), plural(row["swells"], "swell"))),
                f"boosted for {format_length(row['boost_min'] * 60)}" if row["boost_min"] else "",
                f"trimmed for {format_length(row['trim_min'] * 60)}" if row["trim_min"] else "",
            ),
        )
        for row in rows
    ]
    caption = "Input voltage; hours with an outage are left out of the lowest and the average"
    charts = tuple(upses.histograms[:MOST_HISTOGRAMS])
    more = len(upses.histograms) - len(charts)
    texts = (f"The distributions of {more} more UPSes are on the page of the site.",) if more else ()
    if not charts:
        texts = ("No voltages were recorded in hours without an outage.",)
    tables = (table(("UPS", "Lowest", "Average", "Highest"), shown, caption),) if shown else ()
    return ReportSection(title, texts, tables, charts, tuple(chart.label for chart in charts))
