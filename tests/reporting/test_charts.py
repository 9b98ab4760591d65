"""Charts: what is drawn is what was measured, axes are round, and strange data have a chart too."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import isfinite
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from reporting.charts import (
    Bar,
    BarData,
    ChartSeries,
    Interval,
    Limit,
    LineChartData,
    Point,
    StackData,
    StateSpan,
    TimelineData,
    TimelineRow,
    draw_bars,
    draw_histogram,
    draw_lines,
    draw_sparkline,
    draw_stack,
    draw_timeline,
    ring,
)
from reporting.charts.scale import fit_axis, format_tick, format_value
from reporting.charts.sparkline import TALL, shared_scale
from reporting.charts.times import TimeAxis

HOUR = 3600.0
DAY = 24 * HOUR
LONG = "شاحنة " + "An endless name of a thing that stands in the cellar of ours "[:54]


def decode(d):
    """The pieces of a path: lists of (x, y), as a browser adds its steps up."""
    pieces = []
    for part in d.split("M")[1:]:
        steps = list(map(int, re.findall(r"-?\d+", part)))
        points = [(steps[0], steps[1])]
        for dx, dy in zip(steps[2::2], steps[3::2], strict=True):
            points.append((points[-1][0] + dx, points[-1][1] + dy))
        pieces.append(points)
    return pieces


def drawn(chart, kind="line"):
    """(time, value) of each point of each piece of a chart's paths, as the cursor of a page reads them."""
    root = ElementTree.fromstring(str(chart.svg()))
    data = chart.data
    return [
        [
            [
                (
                    data["origin"] + x * data["second"],
                    round(data["top"] - y * data["quantum"], data["digits"]),
                )
                for x, y in piece
            ]
            for piece in decode(path.get("d"))
        ]
        for path in root.iter("path")
        if kind in (path.get("class") or "").split()
    ]


def points(*values, step=60.0, start=0.0):
    return [
        Point(start + place * step, value, value, value)
        for place, value in enumerate(values)
        if value is not None
    ]


def line(*values, unit="V", step=60.0, until=None, **more):
    own = points(*values, step=step)
    data = LineChartData("A", unit, [ChartSeries("a", own)], 0, until or step * max(1, len(values)), **more)
    return draw_lines(data, "UTC")


def test_points_are_drawn_to_the_last_digit():
    values = (230.12, 229.98, 231.0, 230.5)
    [[piece]] = drawn(line(*values))
    assert piece == [(60.0 * place, value) for place, value in enumerate(values)]


def test_a_value_is_rounded_once_as_its_text_is():
    values = [*(166 + place / 100 for place in range(0, 100, 5)), 110.0]
    chart = line(*values)
    [[piece]] = drawn(chart)
    assert [value for _, value in piece] == [round(value, chart.values.digits) for value in values]
    assert [f"{value:.{chart.values.digits}f}" for _, value in piece] == [
        chart.values.text(one) for one in values
    ]


def test_a_band_goes_from_the_lowest_to_the_highest_value():
    own = [Point(60.0 * n, 10 + n, 9 + n / 2, 12 + n) for n in range(5)]
    chart = draw_lines(LineChartData("A", "V", [ChartSeries("a", own)], 0, 300), "UTC")
    [[piece]] = drawn(chart, "band")
    assert piece[:5] == [(one.at, one.high) for one in own]
    assert piece[5:] == [(one.at, one.low) for one in reversed(own)]


def test_a_gap_stays_a_gap_and_a_lone_point_is_a_dot():
    [pieces] = drawn(line(1, 2, 3, None, None, None, None, 4, 5, None, None, None, 6))
    assert [len(piece) for piece in pieces] == [3, 2, 2] and pieces[2][0] == pieces[2][1]


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0, 1),
        (105, 134),
        (-3.2, 15.2),
        (0, 0),
        (-5, -5),
        (1e-6, 3e-6),
        (1e9, 1.5e9),
        (230.1, 230.3),
        (-1e6, 1e6),
    ],
)
def test_an_axis_has_round_ticks_and_headroom(low, high):
    axis = fit_axis(low, high)
    assert 3 <= len(axis.ticks) <= 6
    span = axis.high - axis.low
    assert isfinite(span) and axis.high - high >= (high - low) * 0.1
    assert low - axis.low >= (high - low) * 0.1 or axis.low == 0
    assert {round(tick / axis.step, 6) % 1 for tick in axis.ticks} == {0}
    texts = [axis.tick_text(tick) for tick in axis.ticks]
    assert len(set(texts)) == len(texts) and max(map(len, texts)) <= 7, texts


def test_noise_is_no_storm_and_per_cent_end_at_100():
    for low, high, unit, least in ((119, 121, "W", 30), (20.9, 21.1, "°C", 2), (230.1, 230.3, "V", 9)):
        axis = fit_axis(low, high, unit)
        assert axis.high - axis.low > least
    charge = fit_axis(71, 100, "%")
    assert max(charge.ticks) == 100 < charge.high and charge.low >= 0
    assert max(fit_axis(100, 100, "%").ticks) == 100
    assert min(fit_axis(0, 0, "%").ticks) == 0 == fit_axis(0, 2, "%").low


def test_an_axis_reaches_its_least_high():
    usual, whole = (line(11, 12, 11, 13, unit="%", **more) for more in ({}, {"floor": 0, "least_high": 20}))
    assert whole.low == 0 and whole.high > 20 and usual.low > 0 and usual.high < 20
    assert line(11, 60, unit="%", floor=0, least_high=20).high > 60  # the values go before


def test_a_counter_is_not_flattened():
    axis = fit_axis(27_095.841, 27_170.781, "kWh", digits=3)
    assert axis.high - axis.low < 150


def test_numbers_as_texts():
    assert format_value(-0.04, 1) == "0.0" and format_value(-1234.5, 1) == "−1,234.5"
    assert format_tick(200_000, 50_000, 400_000) == "200 k" and format_tick(2.5e-6, 5e-7, 3e-6) == "2.5e−6"
    assert format_tick(0.25, 0.25, 1) == "0.25" and format_tick(-4, 4, 20) == "−4"


@pytest.mark.parametrize("values", [(5,), (7, 7, 7), (-3, -8), (1e-6, 2e-6), (1e9, 1e9 + 1), (0, 0)])
def test_strange_values_have_a_chart(values):
    [[piece]] = drawn(line(*values))
    assert [value for _, value in piece][: len(values)] == pytest.approx(values, rel=1e-2, abs=1e-9)


@pytest.mark.parametrize("span", [0.5, 1, 60, HOUR, DAY, 8 * DAY, 400 * DAY, 5 * 366 * DAY, 40 * 366 * DAY])
def test_times_are_few_and_in_order(span):
    since = datetime(2026, 3, 11, 17, 3, 21, tzinfo=UTC).timestamp()
    axis = TimeAxis(since, since + span, "Europe/Rome")
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 9 or span == 0.5
    assert [tick.at for tick in ticks] == sorted({tick.at for tick in ticks})
    assert all(since <= tick.at < since + span for tick in ticks)
    assert axis.width <= 10_001


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25)])
def test_days_of_23_and_25_hours(month, day, hours):
    rome = ZoneInfo("Europe/Rome")
    start = datetime(2026, month, day, tzinfo=rome)
    since = start.timestamp()
    until = (datetime(2026, month, day, tzinfo=rome) + timedelta(days=1)).timestamp()
    assert until - since == hours * HOUR
    texts = [tick.text for tick in TimeAxis(since - 1800, until, "Europe/Rome").ticks()]
    assert texts == [start.strftime("%-d %b"), "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00"]
    night = TimeAxis(since, since + 5 * HOUR, "Europe/Rome").ticks()
    assert all(after.at - before.at == HOUR for before, after in pairwise(night))
    shown = [tick.text for tick in night]
    assert ("02:00" in shown) == (hours == 25) and ("02:00 CET" in shown) == (hours == 25)


def test_an_outage_is_cut_and_its_true_value_named():
    chart = line(230, 231, 0, 0, 229, 230, 231, 230, mains=True)
    assert chart.values.low > 200
    svg = chart.svg()
    assert svg.count("<polygon") == 1 and ">0\u202fV</text>" in svg
    assert chart.caption == "a 229 to 231\u202fV except during outages."


def test_a_limit_within_reach_is_a_line_and_one_beyond_is_named_at_the_edge():
    near = line(5, 9, limits=[Limit("frost 4 °C", 4)]).svg()
    assert 'class="limit warning"' in near and ">frost 4 °C</text>" in near
    far = line(229, 231, limits=[Limit("low 176 V", 176), Limit("high 288 V", 288, "critical")]).svg()
    assert 'class="limit' not in far and ">low 176 V ↓<" in far and ">high 288 V ↑<" in far


def test_words_of_a_limit_do_not_cross_the_line():
    below = line(*[10] * 10, *[5.2] * 10, limits=[Limit("frost 5", 5)], until=1200)
    [dy] = re.findall(r'dy="(-?[\d.]+)"[^>]*>frost 5<', below.svg())
    assert float(dy) > 0, "the line is just above"


def test_spans_are_named_above_and_in_the_legend():
    chart = line(
        *range(60), shaded=[Interval(600, 2040)], silent=[Interval(2600, 3200)], until=3600, extremes=True
    )
    svg = chart.svg()
    assert ">on battery 24 min<" in svg and ">silent 10 min<" in svg
    assert [key.label for key in chart.keys] == ["on battery", "silent"]
    assert 'fill="url(#hatch-a)"' in svg and svg.count('class="dot') == 2
    assert "on battery once, 24 min in total" in chart.caption


def test_spans_that_would_overlap_are_shaded_once():
    spans = [Interval(place * 1000.0, place * 1000.0 + 60) for place in range(30)] + [Interval(2e6, 2.5e6)]
    chart = line(*range(60), until=3_600_000, step=60_000, shaded=spans)
    assert chart.svg().count('<rect class="shade"') == 2
    assert "on battery 31 times" in chart.caption


def test_eighteen_lines_have_styles_of_their_own():
    series = [ChartSeries(f"{n}", points(n, n + 1)) for n in range(18)]
    chart = draw_lines(LineChartData("A", "V", series, 0, 60), "UTC")
    assert len({key.style for key in chart.keys}) == 18
    assert "18 lines 0 to 18" in chart.caption and 'class="band' not in chart.svg()


def test_a_series_keeps_its_number():
    series = [ChartSeries("a", []), ChartSeries("b", points(1, 2)), ChartSeries("c", points(1, 2), 7)]
    chart = draw_lines(LineChartData("A", "V", series, 0, 60), "UTC")
    assert [(key.label, key.number) for key in chart.keys] == [("b", 2), ("c", 7)]


def test_nothing_to_draw_gives_no_chart():
    empty = [ChartSeries("a", [])]
    assert draw_lines(LineChartData("A", "V", empty, 0, 1), "UTC") is None
    assert draw_stack(StackData("A", "V", empty, 0, 1), "UTC") is None
    assert draw_bars(BarData("A", "V", ["a"], [])) is None
    assert draw_bars(BarData("A", "V", ["a"], [Bar("", "", [None])])) is None
    assert draw_timeline(TimelineData("A", [TimelineRow("a", [])], 0, 1), "UTC") is None
    assert draw_sparkline([], 0, 1) == ""


def test_a_stack_adds_up_without_an_error_of_rounding():
    lines = [[0.14, 0.24, 0.14], [0.14, 0.14, 0.04]]
    series = [ChartSeries(f"{place}", points(*own)) for place, own in enumerate(lines)]
    chart = draw_stack(StackData("House", "W", series, 0, 180), "UTC")
    for number, own in enumerate(lines):
        root = ElementTree.fromstring(str(chart.svg()))
        area = next(path for path in root.iter("path") if path.get("class") == f"area s{number + 1}")
        [piece] = decode(area.get("d"))
        upper, lower = piece[:3], piece[3:][::-1]
        found = [
            (below[1] - above[1]) * chart.data["quantum"] for above, below in zip(upper, lower, strict=True)
        ]
        assert found == pytest.approx(own, abs=1e-9)


def test_what_is_missing_in_a_stack_adds_nothing_and_a_gap_stays_one():
    series = [
        ChartSeries("a", points(1, 1, None, None, None, 1, 1)),
        ChartSeries("b", points(2, None, None, None, None, 2, 2)),
    ]
    chart = draw_stack(StackData("House", "W", series, 0, 420), "UTC")
    assert [[len(piece) for piece in layer.pieces] for layer in chart.layers] == [[2, 2], [2, 2]]
    first = chart.layers[1].pieces[0]
    assert [upper - lower for _, lower, upper in first] == [round(2 / chart.data["quantum"]), 0]


def test_bars_have_titles_with_all_figures():
    data = BarData(
        "Per day",
        "kWh",
        ["Garage", "Rack"],
        [
            Bar("1", "Sun 1 Nov", [1.25, 2.5]),
            Bar("2", "Mon 2 Nov", [None, 1.0], mark="71 %"),
            Bar("3", "Tue 3 Nov", [None, None]),
        ],
        ghost=[4, 3.5, None],
        ghost_label="October",
        measured=[1, 0.71, None],
        digits=2,
    )
    chart = draw_bars(data)
    root = ElementTree.fromstring(str(chart.svg()))
    titles = [rect.find("title").text.split("\n") for rect in root.iter("rect") if rect.get("class") == "hit"]
    unit = "\u202fkWh"
    assert titles[0] == [
        "Sun 1 Nov",
        f"Rack: 2.50{unit}",
        f"Garage: 1.25{unit}",
        f"All: 3.75{unit}",
        f"October: 4.00{unit}",
        "measured: 100\u202f%",
    ]
    assert titles[1][1:4] == [f"Rack: 1.00{unit}", "Garage: –", f"All: 1.00{unit}"]
    assert titles[2][1:4] == ["Rack: –", "Garage: –", "All: –"]
    heights = [
        float(rect.get("height")[:-1]) for rect in root.iter("rect") if "bar" in rect.get("class").split()
    ]
    share = 100 / (chart.values.high - chart.values.low)
    assert heights == pytest.approx([1.25 * share, 2.5 * share, share], abs=0.01)
    assert chart.values.low == 0 and chart.values.high >= 4.4
    assert [key.label for key in chart.keys] == ["Garage", "Rack", "October", "measured"]
    assert ">71 %</text>" in chart.svg() and chart.caption == f"4.75{unit} in all, at most 3.75{unit}."


def test_a_timeline_has_a_row_for_each_thing():
    rows = [
        TimelineRow("Heater", [StateSpan(-HOUR, HOUR, "on"), StateSpan(HOUR, 2 * HOUR, "off", 0)], "on 1 h"),
        TimelineRow("Door", [StateSpan(0, 10, "open", 4)], "open 10 s", silent=[Interval(HOUR, 4 * HOUR)]),
    ]
    chart = draw_timeline(TimelineData("Switches", rows, 0, 4 * HOUR), "UTC")
    heater = ElementTree.fromstring(str(chart.row_svg(0)))
    spans = [rect for rect in heater.iter("rect") if "span" in rect.get("class")]
    assert [(rect.get("x"), rect.get("width")) for rect in spans] == [("0", "25%")]
    assert spans[0].find("title").text == "on, Wed 31 Dec 23:00, 2 h"
    assert chart.caption == "Heater on 1 h; Door open 10 s." and "hatch" in chart.row_svg(1)
    ElementTree.fromstring(str(chart.standalone_svg()))


@pytest.mark.parametrize(
    "chart",
    [
        line(
            1,
            2,
            None,
            None,
            None,
            3,
            shaded=[Interval(60, 120)],
            silent=[Interval(130, 300)],
            limits=[Limit("<limit>", 2)],
        ),
        draw_stack(
            StackData(LONG, "W", [ChartSeries(LONG, points(1, 2)), ChartSeries("<b>", points(1, 2))], 0, 60),
            "UTC",
        ),
        draw_bars(BarData(LONG, "kWh", [LONG, "<b>"], [Bar("<1>", "<1>", [1, 2])], [2], [0.5])),
        draw_histogram("<V>", "V", {228: 30, 231: 10}, 226, 231, 1, ghost={229: 4}),
        draw_timeline(
            TimelineData(LONG, [TimelineRow(LONG, [StateSpan(0, 9, "<on>")], "<on>")], 0, 10), "UTC"
        ),
    ],
    ids=["lines", "stack", "bars", "histogram", "timeline"],
)
def test_a_file_needs_nothing_else(chart):
    svg = str(chart.standalone_svg())
    root = ElementTree.fromstring(svg)
    assert (
        root.tag == "{http://www.w3.org/2000/svg}svg"
        and root.find("{http://www.w3.org/2000/svg}title").text == chart.title
    )
    assert "class=" not in svg and "style=" not in svg and "<style" not in svg and "var(" not in svg
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert chart.title in texts and {key.label for key in chart.keys} <= set(texts)
    fills = [
        rect.get("fill")
        for rect in root.iter("{http://www.w3.org/2000/svg}rect")
        if rect.find("*") is not None
    ]
    assert chart.kind != "bars" or set(fills) == {"none"}, "what takes the cursor covers nothing"
    assert not re.findall(r"(?:nan|inf)", re.sub(r">[^<]*<", "", svg))
    page = ElementTree.fromstring(str(chart.svg()))
    assert page.get("aria-label").startswith(chart.title)


def test_the_points_of_a_file_are_those_of_the_page():
    chart = line(1, 2, 4)
    svg = chart.standalone_svg()
    [d] = re.findall(r'<path d="M([^"]+)" fill="none" stroke="#0072b2"', svg)
    xs, ys = zip(*(map(float, point.split(",")) for point in d.split("L")), strict=True)
    grid = {text: float(y) for y, text in re.findall(r'y="([\d.]+)" text-anchor="end"[^>]*>(\d)<', svg)}
    scale = (grid["4"] - grid["2"]) / 2
    assert [(y - ys[0]) / scale for y in ys] == pytest.approx([0, 1, 3], abs=0.01)
    assert xs[2] - xs[1] == pytest.approx(xs[1] - xs[0], abs=0.1)


@pytest.mark.parametrize(
    ("values", "unit", "ends"),
    [
        ((119, 121), "W", (0, 151.25)),
        ((20.9, 21.1), "°C", (17, 25)),
        ((98, 100), "%", (80, 100)),
        ((1, 3), "%", (0, 20)),
        ((229, 231), "V", (218.45, 241.55)),
        ((5, 45), "°C", (1, 49)),
        ((0, 0), "W", (0, 1)),
    ],
)
def test_the_scale_of_a_sparkline_follows_its_unit(values, unit, ends):
    assert shared_scale([points(*values)], unit) == pytest.approx(ends)


def test_a_flutter_on_a_load_is_flat():
    svg = draw_sparkline(points(119, 121, 119, 121), 0, 240, unit="W")
    [d] = re.findall(r'class="line s1" d="([^"]+)"', svg)
    heights = [y for _, y in decode(d)[0]]
    assert (max(heights) - min(heights)) / TALL < 0.02


def test_a_ring_is_filled_to_its_share():
    assert 'stroke-dasharray="131.9 263.9"' in ring(0.5, "warning", 40) and "warning" in ring(0.5, "warning")
    assert "dasharray" not in ring(None) and "dasharray" not in ring(0)
    assert 'stroke-dasharray="263.9 263.9"' in ring(1.4)


@pytest.mark.parametrize(
    ("low", "high", "step", "texts"),
    [
        (226, 231, 1, "226 227 228 229 230 231 232"),
        (461, 471, 0.5, "231 232 233 234 235 236"),
        (4610, 4622, 0.05, "230.5 230.6 230.7 230.8 230.9 231 231.1"),
        (-40, 40, 0.5, "-20 -15 -10 -5 0 5 10 15 20"),
        (0, 90, 1000, "0 20000 40000 60000 80000"),
        (2285, 2334, 0.1, "229 230 231 232 233"),
    ],
)
def test_numbers_below_a_histogram_fit_on_a_phone(low, high, step, texts):
    drawn = draw_histogram("V", "V", {low: 30, high: 10}, low, high, step)
    assert [tick.text for tick in drawn.xs] == texts.split()
