"""What stands with a UPS: severity by one table, acknowledgements, and what is shown of both."""

import html
import json
import re
import time
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.schema.acknowledgements import EVENT_OF, STANDING
from ingest.severity import EVENT_SEVERITY
from ingest.ups.status import STATUS
from tests.helpers.new_database import new_database
from tests.plugins.site_helpers import ACCESS, READER, bearer, fill
from tests.plugins.ups_house import House, rows

ECO = "UPS is in ECO Mode."
PATH = "/-/ups/acknowledgements"
IN_TWO_DAYS = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()  # the next may be here by then


@pytest.fixture
def house(make_site, tmp_path):
    def make(mysensors=False, **history):
        path = tmp_path / "house.db"
        new_database(path)
        if mysensors:
            fill(path)
        House(path, days=0.2, step=60).write(**history)
        return make_site(access=ACCESS, gateways=())

    return make


def write(site, sql, *params):
    connection = connect(site.datasette.config.database)
    connection.execute(sql, params)
    connection.close()


def open_event(site, event, detail="", figures=None, ups=3, age_s=100):
    write(
        site,
        "insert into events (event, ups, started_at, detail, figures) values (?, ?, ?, ?, ?)",
        event,
        ups,
        format_utc(time.time() - age_s),
        detail,
        json.dumps(figures or {}),
    )


def state(site, ups="garage"):
    row = rows(site, "ups_overview", name__exact=ups)[0]
    return row["state"], row["reason"]


def attention(site):
    return [(row["severity"], row["subject"]) for row in rows(site, "attention")]


def eco(site):
    write(site, "update ups set status = 'ALARM OL' where id = 3")
    open_event(site, "ALARM", ECO, {"texts": [ECO]}, age_s=90 * 86_400)


def acknowledge(site, **fields):
    return site.post(PATH, json={"ups": "garage", **fields}, headers=bearer())


# Severity.


def test_words_and_events_agree_on_how_serious_they_are():
    for word, status in STATUS.items():
        event = EVENT_OF.get(word, word)
        if event in EVENT_SEVERITY:
            assert status.severity is EVENT_SEVERITY[event], word
    assert {"ALARM", "BYPASS", "OFF", "REPLBATT", "HOT", "OVER", "PHASE_LOST", "AMBIENT"} <= set(STANDING)


@pytest.mark.parametrize(("level", "expected"), [(9, "Warning"), (1, "Warning"), (19, "Warning"), (20, "OK")])
def test_a_low_battery_of_a_node_is_a_warning(house, level, expected):
    site = house(mysensors=True)
    write(site, "update nodes set battery_level = ? where id = 7", level)
    write(site, "update oddities set at = '2026-01-01T00:00:00.000Z'")
    assert site.rows("select state from node_overview where id = 7") == [(expected,)]
    assert 'class="battery critical"' not in site.page("/nodes")


@pytest.mark.parametrize(
    ("runtime", "status", "expected"),
    [
        (299, "OB DISCHRG", "Critical"),
        (301, "OB DISCHRG", "Warning"),
        (299, "OL", "OK"),
        (900, "OB LB", "Critical"),
    ],
)
def test_five_minutes_on_battery_are_critical_everywhere(house, runtime, status, expected):
    site = house()
    write(
        site,
        "update ups set status = ?, mains = ? where id = 2",
        status,
        "battery" if "OB" in status else "mains",
    )
    write(site, "update ups_samples set battery_runtime = ? where ups = 2", runtime)
    assert state(site, "desk@closet")[0] == expected
    number = {"OK": 0, "Warning": 1, "Critical": 2}[expected]
    assert f'voltkeeper_ups_severity{{ups="desk@closet"}} {number}' in site.get("/metrics").text
    assert attention(site) == ([] if expected == "OK" else [(expected, "UPS Desk (desk@closet)")])


def test_an_open_low_battery_or_overload_is_critical_without_the_word(house):
    site = house()
    open_event(site, "OVER", "load 130 %", {"value": 130, "extreme": 140})
    assert state(site) == ("Critical", "on mains, load 130 %")
    severities = {row["event"]: row["severity"] for row in rows(site, "ups_events", ended_at__isnull=1)}
    assert severities == {"OVER": "Critical"}
    write(site, "update events set ended_at = ? where event = 'OVER'", format_utc(time.time()))
    open_event(site, "LOWBATT")
    assert state(site)[0] == "Critical"
    (over,) = rows(site, "all_events", event="OVER")
    assert (over["detail"], over["severity"]) == ("load 140 % at worst", "Critical")


def test_the_feed_says_how_serious_an_event_is(house):
    site = house()
    open_event(site, "OVER")
    open_event(site, "TRIM")
    feed = ElementTree.fromstring(site.get("/events.atom").content)
    found = [
        category.get("term")
        for category in feed.iter("{http://www.w3.org/2005/Atom}category")
        if category.get("scheme") == "urn:voltkeeper:severity"
    ]
    assert found == ["OK", "Critical"]


# A UPS without a status, tests, texts.


def test_a_ups_that_never_sends_its_status_is_heard(house):
    site = house()
    write(site, "update ups set status = null, status_at = null, mains = 'mains' where id = 3")
    assert state(site) == ("OK", "status not reported")
    body = site.get("/api/telemetry").json()
    assert body["status"] == "online" and None not in [
        body[name] for name in ("input_voltage", "load_power", "timestamp")
    ]
    metrics = site.get("/metrics").text
    assert (
        'voltkeeper_ups_up{ups="garage"} 1' in metrics
        and 'voltkeeper_ups_load_watts{ups="garage"}' in metrics
    )
    assert 'voltkeeper_ups_on_battery{ups="garage"} 0' in metrics
    for path in ("/", "/ups", "/ups/garage"):
        assert "not heard yet" not in site.page(path) and "No data" not in site.page(path), path
    assert "status not reported" in site.page("/ups/garage")
    write(site, "update ups set mains = 'battery' where id = 3")
    assert site.get("/api/telemetry").json()["status"] == "battery"
    write(site, "update ups set mains = 'unknown' where id = 3")
    assert site.get("/api/telemetry").json()["status"] == "unknown"


def test_a_battery_test_is_not_shown_as_an_outage(house):
    site = house()
    write(site, "update ups set status = 'OB DISCHRG', mains = 'test' where id = 3")
    open_event(site, "TEST")
    assert state(site)[0] == "OK"
    metrics = site.get("/metrics").text
    assert 'voltkeeper_ups_on_battery{ups="garage"} 0' in metrics
    assert 'voltkeeper_ups_status{ups="garage",status="OB"} 1' in metrics
    body = site.get("/api/telemetry").json()
    assert (body["status"], body["alarms"]) == ("online", [])
    assert rows(site, "outages_report") == [] and "present, battery test" in site.page("/ups/garage")


def test_the_present_text_of_an_alarm_is_shown_once(house):
    site = house()
    write(site, "update ups set status = 'ALARM OL RB' where id = 3")
    open_event(site, "ALARM", "Fan failure!", {"texts": ["Replace battery!", "Fan failure!"]})
    open_event(site, "REPLBATT")
    text = state(site)[1]
    assert (
        text.count("battery to be replaced") == 1
        and "Fan failure!" in text
        and "Replace battery!" not in text
    )
    assert site.get("/api/telemetry").json()["alarms"] == ["Fan failure!", "battery to be replaced"]
    entries = site.get("/events.atom").text
    assert "Fan failure!" in entries and "Replace battery!" not in entries


def test_a_failed_self_test_lists_the_battery(house):
    site = house()
    write(site, "update ups set test_verdict = 'failed' where id = 1")
    write(
        site,
        "update ups_variables set value = 'Done and failed' where ups = 1 and variable = 'ups.test.result'",
    )
    (row,) = [row for row in rows(site, "batteries_to_replace") if row["kind"] == "UPS"]
    assert (row["name"], row["reason"]) == ("rack@closet", "the self-test failed: Done and failed")
    assert state(site, "rack@closet") == ("Warning", "on mains, self-test: Done and failed")
    assert "<strong>failed</strong>: Done and failed" in site.page("/ups/rack@closet")


def test_figures_that_cannot_be_are_listed(house):
    site = house()
    reason = "battery.charge is 255: 0 to 120 % are possible"
    write(
        site,
        "insert into oddities (at, ups, variable, reason) values (?, 3, 'battery.charge', ?)",
        format_utc(time.time()),
        reason,
    )
    (row,) = rows(site, "strange_messages")
    assert (row["kind"], row["name"], row["line"], row["reason"], row["href"]) == (
        "UPS figure",
        "garage",
        "battery.charge",
        reason,
        "/ups/garage",
    )
    assert reason in site.page("/ups/garage") and reason not in site.page("/ups/rack@closet")


def test_mains_that_are_not_measured_are_stated(house):
    site = house()
    assert "mains not measured" not in site.page("/ups/garage")
    write(site, "update ups_samples set input_voltage = null where ups = 3")
    write(site, "update ups set mains_nominal = 230, mains = 'mains' where id = 1")
    assert "mains not measured" in site.page("/ups/garage") and "mains not measured" in site.page("/ups")
    assert "usually 230" in site.page("/ups/rack@closet")


# Acknowledgements.


def test_an_acknowledged_alarm_is_shown_and_not_counted(house):
    site = house()
    eco(site)
    assert state(site)[0] == "Warning" and attention(site) == [("Warning", "UPS Garage (garage)")]
    answer = acknowledge(site, event="ALARM", until=IN_TWO_DAYS)
    assert answer.status_code == 201 and answer.json()["acknowledgement"] == 1
    assert state(site) == ("OK", f"alarm, on mains; {ECO} (acknowledged by bot until {IN_TWO_DAYS})")
    assert attention(site) == [] and site.get("/api/telemetry").json()["alarms"] == []
    assert 'voltkeeper_ups_severity{ups="garage"} 0' in site.get("/metrics").text
    for path in ("/ups/garage", "/events?tab=all", "/events.atom"):
        assert f"acknowledged by bot until {IN_TWO_DAYS}" in html.unescape(site.get(path).text), path
    assert site.rows("select subject, event, text, acknowledged_by from acknowledgements") == [
        ("garage", "ALARM", ECO, "bot")
    ]
    assert site.rows("select actor, action, subject, outcome from audit") == [
        ("bot", "acknowledge", "garage", "done")
    ]


def test_another_text_brings_it_back(house):
    site = house()
    eco(site)
    acknowledge(site, event="ALARM")
    assert state(site)[0] == "OK"
    write(site, "update events set detail = 'Fan failure!' where event = 'ALARM'")
    assert state(site) == ("Warning", "alarm, on mains, Fan failure!") and len(attention(site)) == 1
    assert "acknowledged" not in rows(site, "ups_overview", name__exact="garage")[0]["reason"]


def test_it_ends_at_its_date(house):
    site = house()
    eco(site)
    acknowledge(site, event="ALARM", until=IN_TWO_DAYS)
    write(site, "update acknowledgements set until = ?", format_utc(time.time() - 1))
    assert state(site)[0] == "Warning" and rows(site, "ups_conditions")[0]["acknowledgement"] is None


def test_it_can_be_revoked(house):
    site = house()
    eco(site)
    number = acknowledge(site, event="ALARM").json()["acknowledgement"]
    answer = site.post(f"{PATH}/{number}/revoke", headers=bearer())
    assert answer.status_code == 200 and state(site)[0] == "Warning"
    assert site.post(f"{PATH}/{number}/revoke", headers=bearer()).status_code == 404
    assert site.rows("select action, outcome from audit order by id") == [
        ("acknowledge", "done"),
        ("revoke acknowledgement", "done"),
        ("revoke acknowledgement", f"refused: No acknowledgement {number}"),
    ]


@pytest.mark.parametrize(
    ("status", "event", "text"),
    [
        ("OL BYPASS", "BYPASS", "on bypass, not protected"),
        ("BYPASS", "BYPASS", "on bypass, not protected"),
        ("OFF", "OFF", "not feeding the load"),
        ("OL RB", "REPLBATT", "battery to be replaced"),
        ("OL HB", "HB", "battery voltage too high"),
        ("OL OB", "STATUS", "OL OB"),
        ("TRIM", "STATUS", "TRIM"),
    ],
)
def test_states_can_be_acknowledged_with_and_without_their_event(house, status, event, text):
    site = house()
    write(site, "update ups set status = ?, mains = 'mains' where id = 3", status)
    assert state(site)[0] == "Warning"
    assert acknowledge(site, event=event, text=text).status_code == 201
    assert state(site)[0] == "OK" and f"{text} (acknowledged by bot)" in state(site)[1]
    if event in STANDING:
        open_event(site, event)
        assert state(site)[0] == "OK" and attention(site) == []
    write(site, "update ups set status = ? where id = 3", f"{status} OVERHEAT")
    assert state(site)[0] == "Warning"


def test_the_figure_of_a_limit_may_change_but_the_next_event_counts_again(house):
    site = house()
    open_event(site, "HOT", "temperature above 40 °C: 43 °C", {"value": 43, "extreme": 43})
    assert acknowledge(site, event="HOT", text="temperature above 40 °C").status_code == 201
    write(site, "update events set detail = 'temperature above 40 °C: 68 °C' where event = 'HOT'")
    assert state(site) == ("OK", "on mains; temperature above 40 °C: 68 °C (acknowledged by bot)")
    write(site, "update events set ended_at = ? where event = 'HOT'", format_utc(time.time()))
    open_event(site, "HOT", "temperature above 40 °C: 41 °C", {"value": 41}, age_s=-5)
    assert state(site)[0] == "Warning"


def test_what_is_critical_stays_so(house):
    site = house()
    write(site, "update ups set status = 'OL OVER FSD BYPASS' where id = 3")
    for event in ("OVER", "FSD"):
        answer = acknowledge(site, event=event)
        assert answer.status_code == 409 and "critical" in answer.text
    acknowledge(site, event="BYPASS")
    assert state(site)[0] == "Critical"
    write(site, "update ups set status = 'OB DISCHRG', mains = 'battery' where id = 3")
    open_event(site, "ONBATT")
    assert acknowledge(site, event="ONBATT").status_code == 404 and state(site)[0] == "Warning"


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"event": "ALARM", "text": "another"}, 409, ECO),
        ({"event": "HOT"}, 404, "There are: ALARM"),
        ({"event": "ALARM", "until": "soon"}, 400, "a date such as"),
        ({"event": "ALARM", "until": "2020-01-01"}, 400, "does not lie ahead"),
        ({"event": ""}, 400, "event is needed"),
        ({"event": "ALARM", "ups": "attic"}, 404, "No UPS attic"),
    ],
)
def test_what_is_wrong_is_refused_with_the_reason(house, fields, status, message):
    site = house()
    eco(site)
    answer = acknowledge(site, **fields)
    assert answer.status_code == status and message in answer.json()["errors"][0]
    assert site.rows("select count(*) from acknowledgements") == [(0,)]


def test_the_right_to_edit_is_needed(house):
    site = house()
    eco(site)
    fields = {"ups": "garage", "event": "ALARM"}
    assert site.post(PATH, json=fields).status_code == 401
    assert site.post(PATH, json=fields, headers=bearer(READER)).status_code == 403
    assert site.get(PATH, headers=bearer()).status_code == 405
    page = site.page("/ups/garage")
    assert re.search(r'disabled aria-describedby="why-edit">Acknowledge', page)


def test_the_page_acknowledges_and_revokes(house):
    site = house()
    eco(site)
    site.login()
    token = site.token()
    page = html.unescape(site.page("/ups/garage"))
    form = page[page.index(f'action="{PATH}"') :]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[: form.index("</form>")]))
    assert (fields["ups"], fields["event"], fields["text"]) == ("garage", "ALARM", ECO)
    answer = site.post(
        PATH, data={**fields, "csrftoken": token, "until": ""}, headers={"accept": "text/html"}
    )
    assert answer.status_code == 302 and answer.headers["location"].endswith("/ups/garage")
    page = html.unescape(site.page("/ups/garage"))
    assert "by owner on" in page and "until its text changes" in page
    path = re.search(rf'action="({PATH}/\d+/revoke)"', page)[1]
    site.post(path, data={"csrftoken": token, "next": "/ups/garage"}, headers={"accept": "text/html"})
    assert state(site)[0] == "Warning" and f'action="{PATH}"' in site.page("/ups/garage")


def test_a_second_acknowledgement_replaces_the_first(house):
    site = house()
    eco(site)
    acknowledge(site, event="ALARM", until=IN_TWO_DAYS)
    acknowledge(site, event="alarm")
    assert site.rows("select count(*), max(until) from acknowledgements") == [(1, None)]


def test_two_thresholds_of_a_ups_are_acknowledged_one_by_one(house):
    site = house()
    for name, text in (("hot-load", "Garage load 75 %, above 70"), ("drain", "Garage charge 40 %, below 50")):
        open_event(site, "VALUE", f"{name}: {text}", {"threshold": name, "value": 1})
    assert state(site)[0] == "Warning"
    assert acknowledge(site, event="VALUE", text="hot-load").status_code == 201
    assert "drain: Garage charge 40 %, below 50; hot-load: " in state(site)[1]
    assert acknowledge(site, event="VALUE", text="drain").status_code == 201
    assert state(site)[0] == "OK"
    write(site, "update events set ended_at = started_at where detail like 'drain%'")
    assert acknowledge(site, event="VALUE", text="drain").status_code == 409
    assert acknowledge(site, event="VALUE").status_code == 201
    assert site.rows("select text from acknowledgements") == [("hot-load",)]
