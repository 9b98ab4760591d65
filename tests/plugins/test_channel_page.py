"""The page of a channel: figures, charts, tables against SQL; states, texts, overlays, what is not there."""

import html
import math
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.db.time import format_utc, parse_utc
from tests.helpers.new_database import new_database
from tests.plugins.channel_history import HOUR_S, Channels, house_time, statistics, strip_of
from tests.plugins.site_helpers import ACCESS, links

DAY_S = 86_400
AIR = "/nodes/main/30/1/V_TEMP"


def temperature(at):
    """A day's wave with a trend, to a tenth."""
    return f"{10 + 6 * math.sin(at / DAY_S * 2 * math.pi) + (at % (9 * DAY_S)) / DAY_S / 3:.1f}"


@pytest.fixture(scope="module")
def house(module_site, tmp_path_factory):
    """Sixteen days of a temperature each quarter of an hour with a gap; a door, a text."""
    path = tmp_path_factory.mktemp("channels") / "house.db"
    new_database(path)
    rows = Channels(path)
    now = rows.now
    times = [now - 16 * DAY_S + 900 * n for n in range(16 * 96)]
    kept = [at for at in times if not now - 4 * DAY_S < at < now - 4 * DAY_S + 11 * HOUR_S]
    rows.node(30, "Greenhouse")
    wrong = (now - 5 * HOUR_S, "85.0", "a jump")
    air = sorted([(at, temperature(at)) for at in kept] + [wrong])
    rows.air = rows.channel(30, 1, 0, "V_TEMP", air)
    rows.silence(30, now - 4 * DAY_S, now - 4 * DAY_S + 11 * HOUR_S)
    door = [(now - 6 * DAY_S + 0.5 * DAY_S * n + 60 * (n % 2), str(n % 2)) for n in range(12)]
    rows.door = rows.channel(
        30, 2, 16, "V_TRIPPED", door, sensor_type=0, symbol="S_DOOR", description="Hatch"
    )
    texts = [(now - 3000 + 1000 * n, text) for n, text in enumerate(("<b>hot</b>", "cold"))]
    rows.channel(30, 3, 47, "V_TEXT", texts, sensor_type=36, symbol="S_INFO", description="Note")
    rows.channel(
        30, 4, 17, "V_WATT", [(now - 600, "42")], sensor_type=13, symbol="S_POWER", description="Fan"
    )
    rows.node(31, "Attic")
    rows.channel(31, 1, 0, "V_TEMP", [(at, temperature(at + 9000)) for at in kept[-300:]])
    refused = {"refused_text": "-127", "refused_at": format_utc(now), "refused_reason": "impossible"}
    rows.channel(31, 2, 0, "V_TEMP", [(now - 60, "-127", "impossible")], **refused)
    rows.close()
    site = module_site(filled=False, access=ACCESS, timezone="Europe/Rome", name=str(path))
    site.house = rows
    return site


def ask(site, name, **params):
    return site.get(f"/telemetry/{name}.json", params={"_shape": "array", **params}).json()


@pytest.mark.parametrize("span", ["1 h", "24 h", "7 d", "30 d", "5 y"])
def test_the_figures_are_those_of_the_rows(house, span):
    text = house.page(f"{AIR}?range={span.replace(' ', '+')}")
    rows = [row for row in house.get(strip_of(text, "channel_history")).json() if row["value"] is not None]
    shown = statistics(text)
    assert shown["Least"][0] == f"{min(row['min'] for row in rows):.1f}"
    assert shown["Greatest"][0] == f"{max(row['max'] for row in rows):.1f}"
    assert shown["Mean"][0] == f"{sum(row['value'] for row in rows) / len(rows):.1f}"


def test_the_week_is_compared_with_the_week_before(house):
    text = house.page(f"{AIR}?range=7+d")
    since, until = re.search(r"since=([^&]+)&amp;until=([^&\"]+)", text).groups()
    start, end = (parse_utc(html.unescape(at).replace("%3A", ":")) for at in (since, until))
    week, before = (
        house.rows(
            "select count(*), min(min), avg(round(avg, 3)), max(max) from readings_hourly "
            "where channel = ? and hour_at >= ? and hour_at < ?",
            house.house.air,
            format_utc(first),
            format_utc(first + 7 * DAY_S),
        )[0]
        for first in (start, 2 * start - end)
    )
    shown = statistics(text)
    assert shown["Measured"] == (f"{100 * week[0] / 168:.0f}", f"{week[0]} of 168 h") and week[0] < 160
    assert shown["Least"] == (f"{week[1]:.1f}", f"before: {before[1]:.1f}")
    assert shown["Mean"] == (f"{week[2]:.1f}", f"before: {before[2]:.1f}")
    assert shown["Greatest"] == (f"{week[3]:.1f}", f"before: {before[3]:.1f}")
    apart = round(round(week[2], 1) - round(before[2], 1), 1)
    assert f"{abs(apart):.1f}\u202f°C {'warmer' if apart > 0 else 'colder'}</strong> on average" in text
    assert "the week before" in text and "silent 11 h" in text


def test_a_short_past_is_not_compared(house):
    text = house.page("/nodes/main/31/1/V_TEMP?range=7+d")
    assert "Of the week before, nothing was measured." in text and "warmer" not in text


def test_what_does_not_count_is_in_no_figure(house):
    text = house.page(f"{AIR}?range=24+h")
    assert float(statistics(text)["Greatest"][0]) < 40
    assert "85.0" in text.partition('id="readings"')[2]
    assert ["85.0"] == re.findall(r'<s class="payload">([^<]+)</s>', house.page(f"{AIR}?wrong=1"))


def test_the_histogram_counts_hours_at_their_means(house):
    text = house.page(f"{AIR}?range=7+d")
    link = strip_of(text, "channel_histogram")
    bins = house.get(link).json()
    since, until = (house_time(link, name) for name in ("since", "until"))
    for column, (start, end) in {
        "hours": (since, until),
        "hours_before": (2 * since - until, since),
    }.items():
        means = [
            row[0]
            for row in house.rows(
                "select avg from readings_hourly where channel = ? and hour_at >= ? and hour_at < ?",
                house.house.air,
                format_utc(start),
                format_utc(end),
            )
        ]
        rounded = [round(mean, 9) for mean in means]
        counted = [sum(one["value_from"] <= mean < one["value_to"] for mean in rounded) for one in bins]
        assert [one[column] for one in bins] == counted and sum(counted) == len(means) > 100
    assert 2 <= len(bins) <= 15 and "Means of hours: all " in text


def test_the_usual_day_is_that_of_local_hours(house):
    link = strip_of(house.page(f"{AIR}?range=7+d"), "channel_by_hour")
    since, until = (format_utc(house_time(link, name)) for name in ("since", "until"))
    hours = house.rows(
        "select hour_at, avg, min, max, numbers from readings_hourly "
        "where channel = ? and hour_at >= ? and hour_at < ?",
        house.house.air,
        since,
        until,
    )
    found = {}
    for at, *figures in hours:
        local = datetime.fromtimestamp(parse_utc(at), UTC).astimezone(ZoneInfo("Europe/Rome"))
        found.setdefault(f"{local:%H}", []).append(figures)
    expected = [
        (
            hour,
            round(sum(one[0] * one[3] for one in rows) / sum(one[3] for one in rows), 3),
            min(one[1] for one in rows),
            max(one[2] for one in rows),
            len(rows),
        )
        for hour, rows in sorted(found.items())
    ]
    shown = [
        tuple(row[name] for name in ("hour", "mean", "least", "greatest", "hours"))
        for row in house.get(link).json()
    ]
    assert shown == expected and len(shown) == 24


def test_a_door_is_a_band_with_its_totals(house):
    text = html.unescape(house.page("/nodes/main/30/2/V_TRIPPED?range=7+d"))
    rows = house.get(strip_of(text, "state_spans")).json()
    opened = [row for row in rows if row["text"] == "1"]
    assert statistics(text)["Open"][1] == f"{len(opened)} times"
    assert len(opened) >= 4
    # The silence of four days ago ends what is known; the next report begins it again.
    silence = format_utc(house.house.now - 4 * DAY_S)
    assert any(row["ended_at"] == silence for row in rows)
    known = sum(row["seconds"] for row in rows)
    assert 0 < known < 7 * DAY_S and "Not known" in statistics(text)
    assert re.search(r"<h1>.*?Hatch.*?: .*?(open|closed)", text, re.S)
    assert 'class="span' in text or "span s" in text


def test_states_of_pruned_readings_come_from_their_hours(make_site, tmp_path):
    path = tmp_path / "house.db"
    new_database(path)
    rows = Channels(path)
    now = rows.now
    rows.node(40)
    changes = [(now - (20 - n) * HOUR_S, str(n // 5 % 2)) for n in range(20)]
    key = rows.channel(40, 1, 2, "V_STATUS", changes, sensor_type=3, symbol="S_BINARY")
    rows.connection.execute("delete from readings where received_at < ?", (format_utc(now - 8.5 * HOUR_S),))
    rows.close()
    spans = ask(make_site(filled=False, access=ACCESS), "state_spans", channel=key, range="24 h")
    states = [row["text"] for row in spans]
    assert states == ["1", "0", "1", "0"]  # the newest first
    assert abs(spans[-1]["seconds"] - 5 * HOUR_S) <= 2 * HOUR_S


def test_a_text_is_a_list_of_changes(house):
    text = house.page("/nodes/main/30/3/V_TEXT?range=24+h")
    assert "<b>hot</b>" not in text and "&lt;b&gt;hot" in text
    changes = text.partition('id="changes"')[2].partition("</table>")[0]
    assert changes.index("cold") < changes.index("hot") and "16 min 40 s" in changes


def test_other_channels_are_laid_over_it(house):
    alone = house.page(f"{AIR}?range=24+h&compare=0")
    both = house.page(f"{AIR}?range=24+h&compare=0&with=main/31/1/V_TEMP")
    assert both.count("data-line=") == alone.count("data-line=") + 2
    other = house.page(f"{AIR}?range=24+h&with=main/31/1/V_TEMP,main/30/4/V_WATT&with=main/9/9/V_HUM,x")
    assert other.count('<figure class="chart') == both.count('<figure class="chart') + 1
    for ref in ("main/9/9/V_HUM", "<bdi>x</bdi>"):
        assert ref in other.partition("overlays")[2]
    assert 'href="/nodes/main/31/1/V_TEMP"' in other
    many = ",".join(f"main/31/1/V_{n}" for n in range(40))
    assert house.page(f"{AIR}?with={many}").count("There is no") == 6


def test_every_link_of_the_page_answers(house):
    for link in {
        *links(house.page(f"{AIR}?with=main/31/1/V_TEMP")),
        *links(house.page("/nodes/main/30/2/V_TRIPPED")),
    }:
        assert house.get(link).status_code in (200, 308), link


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (
            "/nodes/main/30/1/V_HUM",
            "Sensor 1 of Greenhouse 30 has reported no V_HUM. It has reported: V_TEMP",
        ),
        ("/nodes/main/30/9/V_TEMP", "It has reported no value so far"),
        ("/nodes/main/30/x/V_TEMP", "No sensor x on Greenhouse 30"),
        ("/nodes/main/77/1/V_TEMP", "No node 77 on gateway main"),
        ("/nodes/attic/30/1/V_TEMP", "No gateway attic"),
        ("/nodes/main/30/1/V_9999999", "has reported no V_9999999"),
        ("/nodes/main/30/1/%3Cb%3E", "has reported no <b>"),
        ("/channels/7", "No channel 7"),
    ],
)
def test_what_is_not_there_is_said(house, path, words):
    page = house.page(path, 404)
    assert words in html.unescape(page) and "<b>" not in page.partition("<h1>")[2].partition("</main>")[0]


def test_the_old_address_and_numbers_lead_to_the_page(house):
    answer = house.get(f"/channels/{house.house.air}?range=24+h&wrong=1")
    assert (answer.status_code, answer.headers["location"]) == (308, f"{AIR}?range=24+h&wrong=1")
    assert "<h1>" in house.page("/nodes/main/30/1/0")


def test_an_invalid_range_is_refused(house):
    assert "not a duration" in html.unescape(house.page(f"{AIR}?range=soon", 400))


def test_a_channel_without_a_value_says_so(house):
    text = house.page("/nodes/main/31/2/V_TEMP")
    assert "It has not reported a value that counts yet." in text and "-127" in text


def test_pages_of_the_table_are_of_a_hundred_rows(house):
    first = house.page(f"{AIR}?range=7+d")
    second = house.page(f"{AIR}?range=7+d&page=2")
    rows = [
        text.partition('id="values"')[2].partition("</table>")[0].count("<tr><td") for text in (first, second)
    ]
    total = int(re.search(r"(\d+) rows", first.partition('id="values"')[2])[1])
    assert rows == [100, total - 100]


def test_a_node_shows_its_sensors_with_one_query_each_for_all_of_them(make_site, tmp_path):
    path = tmp_path / "house.db"
    new_database(path)
    rows = Channels(path)
    rows.node(50, "Forty")
    for child in range(40):
        rows.channel(
            50,
            child,
            0,
            "V_TEMP",
            [(rows.now - DAY_S + 3000 * n, f"{20 + child / 10 + n % 3:.1f}") for n in range(28)],
            description=f"Probe {child}",
        )
    rows.close()
    site = make_site(filled=False, access=ACCESS)
    asked = []
    database = site.datasette.get_database("telemetry")
    original = database.execute_fn

    def counted(fn, *args, **options):
        asked.append(fn)
        return original(fn, *args, **options)

    database.execute_fn = counted
    text = site.page("/nodes/main/50")
    assert (
        text.count('class="card span-6 sensor"') == text.count('<figure class="chart of-lines small"') == 40
    )
    assert "<h1><bdi>Forty 50</bdi>: heard" in text
    assert len(asked) < 12
    assert len(text) < 400_000
    assert 'href="/nodes/main/50/7/V_TEMP"' in text
