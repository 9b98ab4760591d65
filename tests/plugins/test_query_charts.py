"""Charts of canned queries: at once where rows are a time series, with the figures of the rows; as files."""

import html
import re
import time
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest

from ingest.db.time import format_utc, parse_utc
from reporting.charts.from_rows import ChartSpec, SeriesStyle, draw_rows
from tests.reporting.test_charts import decode, drawn

NOW = time.time()
FIGURE = re.compile(r'<figure class="chart of-(\w+).*?</figure>', re.S)


@pytest.fixture(scope="module")
def power(module_site, tmp_path_factory):
    """A site with two days of three UPSes."""
    from tests.helpers.new_database import new_database
    from tests.plugins.ups_house import House

    site = module_site(filled=False, name="power.db")
    new_database(site.datasette.config.database)
    House(site.datasette.config.database, days=2, step=300).write()
    return site


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("ups_history", "lines"),
        ("ups_history?figure=battery_runtime&range=7+d", "lines"),
        ("energy_by_day?per=hour", "bars"),
        ("power_quality", "lines"),
        ("outages_report", None),
        ("message_statistics", None),
    ],
)
def test_a_time_series_has_its_chart_at_once(power, query, kind):
    text = power.page(f"/telemetry/{query}")
    found = FIGURE.search(text)
    assert (found and found[1]) == kind
    name, _, given = query.partition("?")
    link = re.search(r'href="([^"]+)">Draw chart<', text)
    if kind:
        assert "_chart=1#g.mark=" in link[1].replace("&amp;", "&")
        answer = power.get(f"/telemetry/{name}.svg?{given}")
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("image/svg+xml")
        ElementTree.fromstring(answer.text)
        assert f'href="/telemetry/{name}.svg' in text
    assert 'figure class="chart' not in power.page(f"/telemetry/{name}?_chart=1")


def test_rows_without_a_chart_have_no_file(site):
    assert site.get("/telemetry/channel_history.svg?type=V_NOTHING").status_code == 404


def row(at, value, **more):
    return {"at": f"2026-01-02T{at}:00.000Z", "avg": value, "name": "a", **more}


SPEC = ChartSpec.parse("g.mark=line&g.x_column=at&g.x_type=temporal&g.y_column=avg&g.color_column=name")


def draw(rows, spec=SPEC):
    return draw_rows("History", spec, rows, "V", "UTC", lambda name: SeriesStyle(name.upper()))


def test_the_points_are_the_rows():
    rows = [
        row("10:00", 230.4, min=228, max=231, bucket_s=60),
        row("09:00", 229.1, min=229, max=230, bucket_s=60),
    ]
    chart = draw(rows)
    [[piece]] = drawn(chart)
    assert piece == [(parse_utc(one["at"]) + 30, one["avg"]) for one in reversed(rows)]
    assert chart.keys == [] and "A 228 to 231" in chart.caption


def test_rows_of_several_units_or_of_too_many_things_have_no_chart():
    assert draw([row("10:00", 1, unit="V"), row("11:00", 2, unit="°C")]) is None
    assert draw([row(f"{hour}:00", 1, name=f"{name}") for name in range(19) for hour in (10, 11)]) is None
    assert draw([]) is None and draw([row("10:00", None), row("11:00", None)]) is None
    assert draw([row("10:00", 1)], ChartSpec.parse("g.mark=bar&g.x_column=name&g.y_column=avg")) is None
    assert ChartSpec.parse("x=1") is None


def test_periods_that_add_up_are_stacked_without_the_sum_of_all():
    spec = ChartSpec.parse("g.mark=bar&g.x_column=period&g.x_type=ordinal&g.y_column=kwh&g.color_column=name")
    rows = [
        {
            "period": f"2026-01-{day:02d}",
            "starts_at": f"2026-01-{day:02d}T00:00:00.000Z",
            "kwh": kwh,
            "name": name,
            "ups": ups,
        }
        for day, name, kwh, ups in ((2, "b", 2, 2), (2, "a", 1, 1), (2, "House", 3, None), (1, "a", 4, 1))
    ]
    chart = draw(rows, spec)
    assert [(bar.text, list(bar.values)) for bar in chart.source.bars] == [
        ("1 Jan", [4, None]),
        ("2 Jan", [1, 2]),
    ]
    assert [key.label for key in chart.keys] == ["A", "B"]


def test_what_is_drawn_is_what_the_query_answers(power):
    span = {"since": format_utc(NOW - 47 * 3600), "until": format_utc(NOW - 3600)}
    query = f"ups=garage&figure=watts&{urlencode(span)}"
    text = power.page(f"/telemetry/ups_history?{query}")
    rows = power.get(f"/telemetry/ups_history.json?_shape=array&{query}").json()
    figure = FIGURE.search(text)[0]
    data = {name: float(value) for name, value in re.findall(r' data-(\w+)="([-\d.e]+)"', figure)}
    paths = re.findall(r'<path class="(?:line|band) s\d" d="([^"]+)"', figure)
    band, line = ([point for piece in decode(d) for point in piece] for d in paths)
    digits = int(data["digits"])
    shown = [round(data["top"] - y * data["quantum"], digits) for _, y in line]
    times = [data["origin"] + x * data["second"] for x, _ in line]
    assert len(rows) > 100 and shown == [round(row["avg"], digits) for row in rows]
    wanted = [parse_utc(row["at"]) + row["bucket_s"] / 2 for row in rows]
    assert times == pytest.approx(wanted, abs=data["second"] / 2)
    edges = {round(data["top"] - y * data["quantum"], digits) for _, y in band}
    low, high = min(row["min"] for row in rows), max(row["max"] for row in rows)
    assert (min(edges), max(edges)) == (round(low, digits), round(high, digits))
    assert f"{low:,.6g} to {high:,.6g}\u202fW" in html.unescape(figure)
