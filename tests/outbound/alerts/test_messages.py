"""The messages of alerts as a lock screen shows them: subject and event first, one link last."""

from dataclasses import replace

import pytest

from ingest.event_names import EVENT_NAMES
from ingest.severity import Severity
from outbound.alerts.kinds import KNOWN_EVENTS, event_kind
from outbound.alerts.messages import (
    ENTRIES,
    DigestEntry,
    DigestReason,
    begin_message,
    digest_message,
    end_message,
    group_message,
    mark_rehearsal,
    mark_uncertain,
    repeat_message,
)
from outbound.alerts.messages import test_message as message_of_test
from outbound.alerts.model import DeliveryKind
from tests.outbound.alerts.alert_events import NOON, SITE, SUBJECTS, make_event

OUTAGE = {
    "predicted_runtime_s": 1400.0,
    "charge_start": 98.0,
    "charge_end": 71.0,
    "load_avg": 31.2,
    "wh": 62.4,
    "lowest_charge": 71.0,
}
BEGINS = [
    ("ONBATT", "ups", "", OUTAGE, "Rack: on battery, 23 min left"),
    ("ONBATT", "ups", "", {"charge_start": 98.0}, "Rack: on battery, charge 98 %"),
    ("ONBATT", "ups", "", {}, "Rack: on battery"),
    ("ONBATT", "ups", "", {"runtime_now_s": 0, "charge_now": 0}, "Rack: on battery, 0 s left"),
    ("ONBATT", "ups", "", {"predicted_runtime_s": None, "charge_start": "98"}, "Rack: on battery"),
    ("ONBATT", "ups", "", {"predicted_runtime_s": float("inf")}, "Rack: on battery"),
    (
        "LOWBATT",
        "ups",
        "",
        {"runtime_now_s": 95, "charge_now": 9},
        "Rack: battery low, 1 min 35 s left, charge 9 %",
    ),
    ("LOWBATT", "ups", "", {}, "Rack: battery low"),
    ("FSD", "ups", "", {}, "Rack: forced shutdown"),
    ("OVER", "ups", "load 112 %", {"value": 112.0, "extreme": 118.0}, "Rack: overloaded, load 112 %"),
    ("LOAD_HIGH", "ups", "x", {"value": 85.0, "limit": 80.0}, "Rack: load 85 %, above 80 %"),
    ("CHARGE_LOW", "ups", "x", {"value": 18.0, "limit": 20.0}, "Rack: charge 18 %, below 20 %"),
    ("HOT", "ups", "x", {"value": 43.24, "limit": 40.0}, "Rack: too hot: 43.2 °C, above 40 °C"),
    ("VOLTAGE", "ups", "x", {"value": 262.0, "limit": 255.0}, "Rack: input voltage 262 V, above 255 V"),
    ("INPUT_LOW", "ups", "x", {"value": 172.4, "limit": 180.0}, "Rack: input voltage 172.4 V, below 180 V"),
    ("INPUT_LOW", "ups", "of an old version", {}, "Rack: input voltage low, of an old version"),
    (
        "PHASE_LOST",
        "ups",
        "phase L2 lost: 3 V, 231 V on the others",
        {},
        "Rack: phase L2 lost: 3 V, 231 V on the others",
    ),
    (
        "AMBIENT",
        "ups",
        "temperature around it above 40 °C: 43 °C",
        {},
        "Rack: temperature around it above 40 °C: 43 °C",
    ),
    ("REPLBATT", "ups", "", {}, "Rack: battery to be replaced"),
    ("COMMBAD", "ups", "driver: Data stale", {}, "Rack: no data, driver: Data stale"),
    (
        "COMMBAD",
        "ups",
        "server: nothing listens at nas:3493: is upsd running?",
        {},
        "Rack: no data, server: nothing listens at nas:3493",
    ),
    ("ALARM", "ups", "Internal UPS fault!", {}, "Rack: alarm, Internal UPS fault!"),
    ("BYPASS", "ups", "", {}, "Rack: on bypass, not protected"),
    ("OFF", "ups", "", {}, "Rack: not feeding the load"),
    ("NODE_SILENT", "node", "silent for more than 2 h", {}, "Greenhouse: silent for more than 2 h"),
    (
        "NODE_SILENT",
        "node",
        "silent for more than 2 h; 3 times",
        {"count": 3},
        "Greenhouse: silent for more than 2 h; 3 times",
    ),
    ("NODE_BATTERY_LOW", "node", "x", {"battery_level": 18}, "Greenhouse: battery 18 %"),
    ("NODE_BATTERY_LOW", "node", "", {}, "Greenhouse: battery low"),
    (
        "VALUE",
        "node",
        "frost: Greenhouse 3.2 °C, below 4",
        {"value": 3.2},
        "frost: Greenhouse 3.2 °C, below 4",
    ),
    ("VALUE", "node", "frost: 3.2 °C, below 4", {"value": 3.2}, "Greenhouse: frost: 3.2 °C, below 4"),
    (
        "OTA_FAILED",
        "node",
        "no answer for 10 min",
        {},
        "Greenhouse: firmware update failed, no answer for 10 min",
    ),
    (
        "GATEWAY_LOST",
        "gateway",
        "Connection refused",
        {"count": 1},
        "Gateway main: no contact, Connection refused",
    ),
    (
        "SCHEDULED_COMMAND_FAILED",
        "ups",
        "selftest: Start a test: failed: x",
        {},
        "Rack: selftest: Start a test: failed: x",
    ),
    ("DISK_LOW", "disk", "93 MB free", {}, "Disk: short of space, 93 MB free"),
    ("PLAN_STEP_FAILED", "plan", "lab: exit code 1", {}, "Plan rack: step failed, lab: exit code 1"),
    ("SITE_DOWN", "site", "http://nas:80/: no answer", {}, "Site: does not answer, nas:80/: no answer"),
    ("TARGET_FAILING", "target", "phone: x", {"reason": "HTTP 503"}, "phone: cannot be reached, HTTP 503"),
    ("TARGET_FAILING", "target", "", {"reason": 7}, "phone: cannot be reached"),
    (
        "STRANGE_MESSAGES",
        "gateway",
        "3 strange messages within a day",
        {},
        "Gateway main: 3 strange messages within a day",
    ),
]


@pytest.mark.parametrize(
    ("event", "subject", "detail", "figures", "title"), BEGINS, ids=[row[4] for row in BEGINS]
)
def test_the_title_of_a_begin(event, subject, detail, figures, title):
    message = begin_message(make_event(event, subject, detail=detail, figures=figures), NOON + 20, SITE)
    assert message.title == title
    assert message.kind is DeliveryKind.BEGIN
    assert (message.event, message.name) == (event, SUBJECTS[subject][1])


ENDS = [
    ("ONBATT", "ups", 850, "", OUTAGE, "Power is back: Rack, 14 min, 62 Wh, lowest charge 71 %"),
    ("ONBATT", "ups", 45, "", {"wh": 3.24}, "Power is back: Rack, 45 s, 3.2 Wh"),
    ("ONBATT", "ups", 14_400, "", {"wh": 1240.0}, "Power is back: Rack, 4 h, 1.24 kWh"),
    ("ONBATT", "ups", 45, "", {}, "Power is back: Rack, 45 s"),
    ("LOWBATT", "ups", 60, "", {}, "Rack: battery no longer low after 1 min"),
    ("COMMBAD", "ups", 130, "driver: Data stale", {}, "Rack: data is back after 2 min 10 s"),
    (
        "NODE_SILENT",
        "node",
        11_100,
        "silent for more than 2 h",
        {},
        "Greenhouse: heard again after 3 h 05 min",
    ),
    (
        "VALUE",
        "node",
        1800,
        "frost: 3.2 °C, below 4",
        {},
        "Greenhouse: frost, value within its limit again after 30 min",
    ),
    ("GATEWAY_LOST", "gateway", 61, "", {}, "Gateway main: contact is back after 1 min 01 s"),
    ("DISK_LOW", "disk", 7200, "93 MB free", {}, "Disk: has space again after 2 h"),
]


@pytest.mark.parametrize(
    ("event", "subject", "lasted", "detail", "figures", "title"), ENDS, ids=[row[5] for row in ENDS]
)
def test_the_title_of_an_end(event, subject, lasted, detail, figures, title):
    ended = make_event(event, subject, lasted=lasted, detail=detail, figures=figures)
    message = end_message(ended, NOON + lasted + 1, SITE)
    assert message.title == title
    assert message.kind is DeliveryKind.END


def test_a_text_says_what_where_since_when_what_it_means_and_ends_with_the_one_link():
    message = begin_message(make_event("ONBATT", figures=OUTAGE), NOON + 20, SITE)
    assert message.text.splitlines() == [
        "Rack (rack@closet): on battery, 23 min left.",
        "Since 30 Nov 2026 12:00:00, for 20 s.",
        "The battery will last about 23 min; charge 71 %, load 31 %.",
        "https://volt.example.org/ups/rack@closet",
    ]


def test_a_remedy_stands_in_the_text_alone():
    event = make_event("COMMBAD", detail="server: nothing listens at nas:3493: is upsd running?")
    assert begin_message(event, NOON, SITE).text.splitlines()[:4] == [
        "Rack (rack@closet): no data, server: nothing listens at nas:3493.",
        "Since 30 Nov 2026 12:00:00.",
        "Server: nothing listens at nas:3493: is upsd running?",
        "An outage would not be noticed.",
    ]


def test_the_text_of_an_end_has_both_times():
    message = end_message(make_event("ONBATT", figures=OUTAGE, lasted=850), NOON + 851, SITE)
    assert message.text.splitlines() == [
        "Rack (rack@closet): power is back after 14 min.",
        "From 30 Nov 2026 12:00:00 to 30 Nov 2026 12:14:10, 14 min.",
        "In all 14 min, 62 Wh, lowest charge 71 %.",
        "https://volt.example.org/ups/rack@closet",
    ]


def test_the_runtime_of_the_begin_is_not_said_of_a_later_moment():
    event = make_event("ONBATT", figures=OUTAGE)
    assert "left" not in begin_message(event, NOON + 3600, SITE).title
    later = replace(event, figures=OUTAGE | {"runtime_now_s": 240.0})
    assert repeat_message(later, NOON + 3600, SITE, 1).title == "Rack: on battery, 4 min left, for 1 h now"


def test_no_link_where_no_address_is_known():
    message = begin_message(make_event("OVER"), NOON, replace(SITE, base_url=""))
    assert "http" not in message.text and "None" not in message.text


@pytest.mark.parametrize("event", EVENT_NAMES)
@pytest.mark.parametrize("subject", list(SUBJECTS))
def test_every_event_can_be_told_with_no_figure_at_all(event, subject):
    begun = make_event(event, subject)
    label = SUBJECTS[subject][2].lower()
    for message in (
        begin_message(begun, NOON, SITE),
        repeat_message(begun, NOON + 7200, SITE, 2),
        end_message(replace(begun, ended_at=NOON + 7200), NOON + 7200, SITE),
    ):
        assert label in message.title[:60].lower()
        assert len(message.title) > len(label) + 3 and len(message.title) <= 120
        assert message.text.splitlines()[-1].startswith("https://volt.example.org/")
        assert message.text.count("https://") == 1
        assert not any(word in message.title + message.text for word in ("None", "nan", "{", "–"))


def test_an_event_of_a_later_version_is_told_by_its_name():
    assert event_kind("NEW_THING").in_defaults is False
    assert begin_message(make_event("NEW_THING"), NOON, SITE).title == "Rack: new thing"


HOSTILE = [
    "N" * 60,
    "Rack\nBcc: everyone@example.org",
    "Rack\r\n\r\n<script>alert(1)</script>",
    "Rack \x00\x1b[31m\x07red",
    "Rack \u202egnp.exe\u202c",
    "\u05d0\u05e8\u05d5\u05df " * 12,
    "R\u0336\u0337\u0338\u0336\u0335a\u0336\u0337\u0338ck",
    "\U0001f50b" * 60,
    "\ud800 lone half",
    "a\u200b\u200d\ufeff\u2060b",
    "@everyone @here",
    " ",
    "",
]


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("event", ["ONBATT", "NODE_BATTERY_LOW", "VALUE", "ALARM"])
def test_hostile_names_neither_break_a_line_nor_hide_the_event(label, event):
    subject = "node" if event in ("NODE_BATTERY_LOW", "VALUE") else "ups"
    detail = f"frost: {label} 3.2 °C, below 4" if event == "VALUE" else label
    made = make_event(event, subject, label=label, detail=detail, figures=OUTAGE | {"battery_level": 18})
    expected = {"ONBATT": "on battery, 23 min left", "NODE_BATTERY_LOW": "battery 18 %", "ALARM": "alarm"}
    for message in (
        begin_message(made, NOON, SITE),
        end_message(replace(made, ended_at=NOON + 60), NOON, SITE),
    ):
        assert message.title.isprintable() or "\u2068" in message.title
        assert not set(message.title) & set("\n\r\x00\x1b\u202e\u2028\u200b")
        assert len(message.title) <= 120 and "@everyone" not in message.title + message.text
        assert len(message.text.splitlines()) <= 6
        message.title.encode("utf-8")
        message.text.encode("utf-8")
    if event in expected:
        assert expected[event] in begin_message(made, NOON, SITE).title[:60]


SHED = "Garden shed behind the old house"
NAMES = [
    # a label, what happened -> the title
    (f"{SHED} 1", "ONBATT", "", f"{SHED} 1: on battery, 23 min left"),
    (f"{SHED} 123", "ONBATT", "", f"{SHED} 1…: on battery, 23 min left"),
    (f"{SHED} and the pond 12", "COMMBAD", "x" * 60, f"{SHED} and the pond 12: no data, "),
    (f"{SHED} and the pond 12", "OFF", "", f"{SHED} and…: not feeding the load"),
]


@pytest.mark.parametrize(("label", "event", "detail", "title"), NAMES)
def test_a_name_has_the_room_that_the_words_leave(label, event, detail, title):
    made = make_event(event, label=label, detail=detail, figures=OUTAGE)
    assert begin_message(made, NOON, SITE).title.startswith(title)


LONG = "Greenhouse climate with a very long name that goes on and on and on beyond what fits"


@pytest.mark.parametrize("length", [10, 30, 40, 60, 84])
def test_a_value_and_its_limit_stand_on_a_lock_screen_beside_a_long_name(length):
    label = LONG[:length].strip()
    made = make_event("VALUE", "node", label=label, detail=f"frost: {label} Room 3.1 °C, below 4")
    for message in (begin_message(made, NOON, SITE), repeat_message(made, NOON, SITE, 1)):
        assert message.title.startswith("frost: Greenhouse")
        assert "Room 3.1 °C, below 4" in message.title[:60]


def test_a_long_detail_is_cut_in_title_and_text():
    message = begin_message(make_event("COMMBAD", detail="x" * 5000), NOON, SITE)
    assert len(message.title) <= 120 and message.title.startswith("Rack: no data")
    assert len(message.text) < 1000


def test_several_upses_come_as_one_message_with_the_shortest_runtime_and_the_worst_severity():
    rack = make_event("ONBATT", figures=OUTAGE)
    office = replace(
        rack,
        name="office@closet",
        label="Office",
        figures={"runtime_now_s": 300.0},
        severity=Severity.CRITICAL,
    )
    begin = group_message([rack, office], DeliveryKind.BEGIN, NOON + 5, SITE)
    assert begin.title == "2 UPSes on battery, 5 min left: Rack, Office"
    assert begin.severity is Severity.CRITICAL
    assert [line.split(":")[0] for line in begin.text.splitlines()[:2]] == [
        "Rack (rack@closet)",
        "Office (office@closet)",
    ]
    ended = [replace(rack, ended_at=NOON + 850), replace(office, ended_at=NOON + 900)]
    end = group_message(ended, DeliveryKind.END, NOON + 901, SITE)
    assert end.title == "Power is back: 2 UPSes, 15 min: Rack, Office"
    assert group_message([rack], DeliveryKind.BEGIN, NOON, SITE) == begin_message(rack, NOON, SITE)


def test_ten_upses_with_long_names_say_their_number_first():
    many = [make_event("ONBATT", label=f"{number} {'N' * 60}") for number in range(10)]
    title = group_message(many, DeliveryKind.BEGIN, NOON, SITE).title
    assert title.startswith("10 UPSes on battery: 0 NNN") and len(title) <= 120


def entry(seconds, title, severity=Severity.WARNING):
    return DigestEntry(NOON + seconds, title, severity)


def test_a_digest_has_the_worst_in_its_title_and_all_in_order_with_their_times():
    entries = [
        entry(60, "Greenhouse: heard again after 1 h"),
        entry(0, "Greenhouse: silent for more than 2 h"),
        entry(30, "Rack: battery low", Severity.CRITICAL),
    ]
    message = digest_message(entries, DigestReason.QUIET, NOON + 3600, SITE)
    assert message.title == "3 messages: Rack: battery low"
    assert message.severity is Severity.CRITICAL and message.kind is DeliveryKind.DIGEST
    assert message.text.splitlines() == [
        "These messages were held during the quiet hours.",
        "12:00:00  Greenhouse: silent for more than 2 h",
        "12:00:30  Rack: battery low",
        "12:01:00  Greenhouse: heard again after 1 h",
        "https://volt.example.org/events",
    ]


def test_what_ended_within_a_digest_is_not_in_its_title_as_if_it_went_on():
    begun, ended = DeliveryKind.BEGIN, DeliveryKind.END
    outage = DigestEntry(NOON, "Rack: on battery, 20 min left", Severity.WARNING, begun, 1)
    back = DigestEntry(NOON + 60, "Power is back: Rack, 1 min", Severity.WARNING, ended, 1)
    silent = DigestEntry(NOON + 90, "Greenhouse: silent for more than 2 h", Severity.WARNING, begun, 2)
    for entries, title in (
        ((outage, back), "2 messages: Power is back: Rack, 1 min"),
        ((outage, back, silent), "3 messages: Greenhouse: silent for more than 2 h"),
        ((outage, silent), "2 messages: Rack: on battery, 20 min left"),
    ):
        assert digest_message(entries, DigestReason.AWAY, NOON + 3600, SITE).title == title


def test_a_digest_of_hundreds_counts_what_it_leaves_out():
    message = digest_message([entry(n, f"event {n}") for n in range(300)], DigestReason.STORM, NOON, SITE)
    assert f"and {300 - ENTRIES} more" in message.text and len(message.text) < 8000
    assert message.text.startswith("300 messages came within 4 min 59 s")


def test_a_digest_of_another_day_has_dates():
    text = digest_message([entry(0, "x")], DigestReason.AWAY, NOON + 86_400, SITE).text
    assert "30 Nov 2026 12:00:00  x" in text
    assert text.startswith("These messages could not be sent when they were due.")


def test_marks_keep_what_matters_first():
    message = begin_message(make_event("ONBATT", figures=OUTAGE), NOON, SITE)
    rehearsal = mark_rehearsal(message)
    assert rehearsal.title == "REHEARSAL Rack: on battery, 23 min left"
    assert rehearsal.kind is DeliveryKind.REHEARSAL and "REHEARSAL" in rehearsal.text
    again = mark_uncertain(replace(message, title="x" * 120), 4711)
    assert "#4711" in again.title and len(again.title) <= 120 and again.text == message.text


def test_a_test_names_its_target_and_when_it_was_sent():
    message = message_of_test("phone", NOON, SITE)
    assert message.title == "Test of phone: alerts reach you"
    assert "30 Nov 2026 12:00:00" in message.text and message.event == ""


def test_the_words_of_each_kind():
    for kind in KNOWN_EVENTS.values():
        assert kind.words and kind.words[0].islower()
        assert bool(kind.end_words) == kind.sends_end, kind.event
