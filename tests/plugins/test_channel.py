"""The page of a channel, and readings that are marked wrong or right again on it and by API."""

import json
import time

import pytest

from ingest.mysensors.replay import replay
from tests.plugins.site_helpers import ACCESS, bearer

CHANNEL = 256 * (256 * 12 + 30)
PAGE = "/nodes/main/12/30/V_TEMP"


@pytest.fixture
def cellar(make_site):
    """Twenty minutes of a temperature that ends with a sensor that is not connected, and nothing else."""
    site = make_site(filled=False, access=ACCESS)
    now = time.time()
    texts = [f"{20 + n % 5 / 10}" for n in range(20)] + ["-127"]
    recording = [(now - 1300 + 60 * n, f"12;30;1;0;0;{text}".encode()) for n, text in enumerate(texts)]
    replay(site.datasette.config.database, "main", "tcp main:5003", recording, "UTC")
    return site


def mark(site, reading, wrong, token=None, **options):
    data = {"wrong": wrong}
    if token is None:
        data["csrftoken"] = site.token()
    headers = {} if token is None else bearer(token)
    return site.post(f"/-/readings/{reading}", data=data, headers=headers, **options)


def newest_good(site):
    sql = "select max(id) from readings where channel = ? and wrong is null"
    return site.rows(sql, CHANNEL)[0][0]


def test_the_page_shows_what_was_refused_and_from_when_the_value_is(cellar):
    text = cellar.page(PAGE)
    assert "20.4\u2009°C" in text
    assert "-127 is impossible for V_TEMP" in text
    assert "The value shown is from" in text
    assert "From 20 to 20.4" in text or "20 to 20.4" in text.replace("\u202f", " ")
    assert "newest report <bdi>-127</bdi>" in cellar.page("/nodes/main/12")
    refused = cellar.page(f"{PAGE}?wrong=1")
    assert refused.count("<s ") == 1
    assert "20.3\u2009°C</bdi></td>" not in refused
    for range in ("6 h", "30 d", "1 y"):
        assert "<svg" in cellar.page(f"{PAGE}?range={range.replace(' ', '+')}")


@pytest.mark.parametrize("path", ["7", "x", "999999999999999"])
def test_an_unknown_channel_is_not_found(site, path):
    assert "No channel" in site.page(f"/channels/{path}", 404)


def test_a_user_marks_a_reading_wrong_and_right_again(cellar):
    cellar.login()
    reading = newest_good(cellar)
    answer = mark(cellar, reading, "1").json()
    assert answer["ok"]
    assert answer["wrong"]
    assert answer["hour"]
    assert cellar.rows("select wrong, marked_by from readings where id = ?", reading) == [
        ("by hand", "owner")
    ]
    assert cellar.rows("select text, readings from channels where id = ?", CHANNEL) == [("20.3", 19)]
    hours = "select sum(count), max(max) from readings_hourly where channel = ?"
    assert cellar.rows(hours, CHANNEL)[0][0] == 19
    assert "marked by owner" in cellar.page(PAGE)
    assert mark(cellar, reading, "0").json()["wrong"] is False
    assert cellar.rows("select wrong, marked_by from readings where id = ?", reading) == [(None, "owner")]
    assert cellar.rows("select text, readings from channels where id = ?", CHANNEL) == [("20.4", 20)]
    assert cellar.rows(hours, CHANNEL) == [(20, 20.4)]
    audit = cellar.rows("select action, actor, detail, outcome from audit order by id desc limit 2")
    assert {row[:2] + row[3:] for row in audit} == {("mark reading", "owner", "done")}
    assert {json.loads(row[2])["wrong"] for row in audit} == {"0", "1"}


@pytest.mark.parametrize(
    ("reading", "wrong", "status", "message"),
    [
        ("1", "", 400, "wrong is needed"),
        ("1", "maybe", 400, "wrong is 'maybe'"),
        ("999999", "1", 404, "No reading 999999"),
    ],
)
def test_what_cannot_be_marked_is_refused(cellar, reading, wrong, status, message):
    cellar.login()
    answer = mark(cellar, reading, wrong)
    assert answer.status_code == status
    assert message in answer.json()["errors"][0]


def test_marking_takes_the_right_to_edit(cellar):
    assert mark(cellar, newest_good(cellar), "1").status_code in (401, 403)


def test_what_does_not_count_has_no_value_in_history_and_no_place_in_charts(cellar):
    rows = cellar.get(f"/telemetry/channel_history.json?channel={CHANNEL}&_shape=array").json()
    assert len(rows) == 21
    assert [(row["value"], row["text"], row["unit"]) for row in rows if row["wrong"]] == [
        (None, "-127", "°C")
    ]
    [hourly] = {row["min"] for row in rows if row["min"] is not None and row["min"] < 20} or {None}
    assert hourly is None


@pytest.mark.parametrize(
    ("sensor_type", "type", "payload", "word"),
    [
        (3, 2, "0", "off"),
        (3, 2, "1", "on"),
        (1, 16, "1", "motion"),
        (38, 16, "0", "no"),
        (1, 15, "0", "disarmed"),
        (19, 36, "1", "locked"),
    ],
)
def test_a_state_is_the_same_word_everywhere(site, sensor_type, type, payload, word):
    lines = (f"12;40;0;0;{sensor_type};Front", f"12;40;1;0;{type};{payload}")
    recording = [(time.time() - 60 + n, line.encode()) for n, line in enumerate(lines)]
    replay(site.datasette.config.database, "main", "tcp main:5003", recording, "UTC")
    channel = 256 * (256 * 12 + 40) + type
    assert f'<bdi class="now">{word}</bdi></h1>' in site.channel_page(channel)
    assert f"<bdi>{word}</bdi> · " in site.page("/nodes/main/12")
    assert f">{word}</" in site.page("/")
    assert f">{word}</" in site.page("/radio")


def test_the_page_draws_a_switch_as_a_band_also_where_it_changed_days_ago(make_site):
    site = make_site(filled=False, access=ACCESS)
    now, day = time.time(), 86_400
    lines = ((-20 * day, 1), (-3 * day, 0), (-3 * day + 60, 0), (-2 * day, 1))
    recording = [(now + at, f"12;40;1;0;2;{value}".encode()) for at, value in lines]
    replay(site.datasette.config.database, "main", "tcp main:5003", recording, "UTC")
    channel = 256 * (256 * 12 + 40) + 2
    week = site.channel_page(channel, "?range=7+d")
    spans = site.get(f"/telemetry/state_spans.json?channel={channel}&range=7+d&_shape=array").json()
    assert [(row["text"], round(row["seconds"] / day)) for row in spans] == [("1", 2), ("0", 1), ("1", 4)]
    assert week.count('class="span ') == 2 and "on 6 d, 2 times" in week
    assert "on 1 d, 1 time" in site.channel_page(channel, "?range=24+h")
