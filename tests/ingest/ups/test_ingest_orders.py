"""Orders to UPSes through the whole ingest process: a real upsd, and a driver that records its requests."""

import sqlite3
import time

import pytest

from ingest.demo.ups.upsd import DemoUpsd
from tests.ingest.nut.lab import Lab, until
from tests.ingest.ups.ingest_process import IngestProcess, at
from tests.ingest.ups.placed_orders import ended, order, row, soon
from tests.programs import free_port

DEVICE = {
    "variables": {
        "ups.status": "OL",
        "battery.charge": "100",
        "battery.charge.low": "20",
        "input.sensitivity": "low",
        "ups.delay.start": "30",
        "ups.id": "x",
        "ups.test.result": "No test initiated",
        "battery.voltage": "27.1",
    },
    "rw": {
        "battery.charge.low": ["STRING", 10],
        "input.sensitivity": ["ENUM", "low", "high"],
        "ups.delay.start": ["RANGE", 0, 600],
        "ups.id": ["STRING", 8],
    },
    "commands": ["test.battery.start.quick", "test.battery.start", "beeper.mute", "load.off"],
}
USERS = '[poor]\n  password = "pw-of-poor"\n'
LISTED = (
    "{commands: [test.battery.start.quick, test.battery.start, beeper.mute, beeper.enable], "
    "settings: [battery.charge.low, input.sensitivity, ups.delay.start]}"
)
CONFIG = """
nut:
  - {{name: lab, port: {port}, poll_s: 2, status_s: 0.5,
      command_username: {user}, command_password: '{password}'}}
ups: {{rack@lab: {listed}, dummy@lab: {{commands: [load.off], settings: [battery.charge.low]}}}}
"""
QUICK = "test.battery.start.quick"


def config(port, user="admin", password='sec ret"1', listed=LISTED):
    return CONFIG.format(port=port, user=user, password=password, listed=listed)


@pytest.fixture(scope="module")
def lab():
    dummy = "ups.status: OL\nbattery.charge.low: 20\n"
    with Lab({"rack": DEVICE, "dummy": dummy}, users=USERS) as lab:
        for name in ("rack", "dummy"):
            lab.wait(name)
        yield lab


@pytest.fixture
def ingest(lab, tmp_path):
    with started(tmp_path, config(lab.port)) as ingest:
        yield ingest
        lab.judge("rack", "0")


@pytest.fixture(scope="class")
def refusing(lab, tmp_path_factory):
    """One ingest process for all orders that are not sent."""
    with started(tmp_path_factory.mktemp("refusing"), config(lab.port)) as ingest:
        yield ingest
        lab.judge("rack", "0")


def started(folder, text):
    ingest = IngestProcess(folder, text)
    ingest.wait_sample("rack@lab")
    return ingest


def within(samples, start, end):
    """The samples that were taken from start to end, unix seconds."""
    return [sample for sample in samples if start <= at(sample["sampled_at"]) <= end]


def of_driver(lab, since=0):
    return lab.told("rack")[since:]


def test_a_battery_test_is_done_once_and_its_event_names_who_asked(lab, ingest):
    before = len(lab.told("rack"))
    number = order(ingest, QUICK)
    done = ended(ingest, number)
    assert (done["state"], done["reason"]) == ("done", "") and done["sent_at"] <= done["done_at"]
    assert at(done["done_at"]) < at(done["expires_at"])
    assert of_driver(lab, before) == [f"INSTCMD {QUICK}"]
    event = ingest.wait_event("rack@lab", "TEST")
    assert event["figures"]["started_by"] == "owner" and event["figures"]["command"] == QUICK
    assert event["figures"]["battery_voltage_before"] == 27.1
    audit = ingest.rows("select actor, action, subject, detail, outcome from audit")
    assert audit == [
        {
            "actor": "owner",
            "action": "ups_order_sent",
            "subject": "rack@lab",
            "detail": QUICK,
            "outcome": "done",
        }
    ]


def test_a_battery_test_of_a_minute(lab, ingest):
    before = len(lab.told("rack"))
    done = ended(ingest, order(ingest, "test.battery.start", value="60"))
    assert (done["state"], done["value"]) == ("done", "60")
    assert of_driver(lab, before) == ["INSTCMD test.battery.start 60"]
    assert ingest.rows("select detail, outcome from audit") == [
        {"detail": "test.battery.start 60", "outcome": "done"}
    ]


def test_a_setting_is_done_and_shows_in_the_history(ingest):
    done = ended(ingest, order(ingest, variable="battery.charge.low", value="35"))
    assert (done["state"], done["old"], done["reason"]) == ("done", "20", "")
    changes = until(lambda: ingest.rows("select variable, old, value from ups_variable_changes"), bool)
    assert changes == [{"variable": "battery.charge.low", "old": "20", "value": "35"}]
    assert ended(ingest, order(ingest, variable="battery.charge.low", value="20"))["state"] == "done"


class TestOrdersThatAreNotSent:
    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"variable": "ups.delay.start", "value": "601"}, "not sent: '601' is not in 0 to 600"),
            ({"variable": "ups.delay.start", "value": "soon"}, "not sent: 'soon' is not in 0 to 600"),
            ({"variable": "input.sensitivity", "value": "medium"}, "not sent: 'medium' is none of low, high"),
            ({"variable": "battery.charge.low", "value": "1" * 11}, "longer than 10 characters"),
            ({"variable": "battery.charge.low", "value": "1\nINSTCMD rack load.off"}, "control character"),
            ({"variable": "ups.id", "value": "y"}, "ups.id is not listed"),
            ({"command": "load.off"}, "load.off is not listed: `ups: rack@lab: commands:` in config.yml"),
            ({"command": "beeper.enable"}, "the UPS has no such command"),
            (
                {"command": "test.battery.start", "value": "0"},
                "not sent: '0' is not a whole number of seconds",
            ),
            (
                {"command": "test.battery.start", "value": "1\nINSTCMD rack load.off"},
                "whole number of seconds",
            ),
            ({"command": QUICK, "value": "60"}, f"not sent: {QUICK} takes no value"),
            ({"command": "load.off", "variable": "ups.id", "value": "1"}, "either a command or a variable"),
            ({}, "either a command or a variable"),
            ({"command": "load.off", "ups": "dummy@lab"}, "the driver of the UPS does not know it"),
            (
                {"variable": "battery.charge.low", "value": "low", "ups": "dummy@lab"},
                "not sent: 'low' is no number",
            ),
        ],
    )
    def test_what_cannot_be_done_fails_with_a_reason_and_is_not_sent(self, lab, refusing, given, words):
        before = len(lab.told("rack"))
        failed = ended(refusing, order(refusing, **given))
        assert failed["state"] == "failed" and words in failed["reason"], failed
        assert of_driver(lab, before) == []


@pytest.mark.parametrize(
    ("verdict", "words"), [("1", "does not know it"), ("2", "rejects the argument"), ("3", "did not do it")]
)
def test_a_driver_that_could_not_do_it_is_no_success(lab, ingest, verdict, words):
    lab.judge("rack", verdict)
    failed = ended(ingest, order(ingest, QUICK))
    assert failed["state"] == "failed" and words in failed["reason"] and failed["sent_at"]
    assert ingest.events("rack@lab", "TEST") == []


@pytest.mark.parametrize(
    ("user", "password"), [("admin", "qwertz42"), ("nobody", "qwertz42"), ("poor", "pw-of-poor")]
)
def test_a_user_without_the_right_fails_with_a_remedy_and_reading_goes_on(lab, tmp_path, user, password):
    with started(tmp_path, config(lab.port, user, password)) as ingest:
        command, setting = (
            order(ingest, "beeper.mute"),
            order(ingest, variable="battery.charge.low", value="30"),
        )
        for number in (command, setting):
            failed = ended(ingest, number)
            assert (
                failed["state"] == "failed" and user in failed["reason"] and "upsd.users" in failed["reason"]
            ), failed
        assert password not in ingest.log.read_text() + failed["reason"]
        ingest.wait_sample("rack@lab", at(failed["done_at"]))
        assert ingest.events("rack@lab", "COMMBAD") == []


def test_no_user_where_upsd_wants_one(lab, tmp_path):
    text = config(lab.port).replace(",\n      command_username: admin, command_password: 'sec ret\"1'", "")
    with started(tmp_path, text) as ingest:
        failed = ended(ingest, order(ingest, "beeper.mute"))
        assert failed["state"] == "failed" and "give `nut: lab` a command_username" in failed["reason"]


def test_success_without_effect_has_failed_in_its_row_and_in_the_audit(lab, ingest):
    lab.tell("rack", keeps={"battery.charge.low": "20"})
    try:
        failed = ended(ingest, order(ingest, variable="battery.charge.low", value="31"), 120)
    finally:
        lab.tell("rack", keeps=None)
    assert failed["state"] == "failed" and failed["old"] == "20"
    assert failed["reason"].startswith("the UPS still reports 20: its driver accepted it")
    audit = ingest.rows("select detail, outcome from audit")
    assert audit == [{"detail": "battery.charge.low = 31", "outcome": f"failed: {failed['reason']}"}]


def test_an_order_waits_for_a_server_that_comes_back_within_its_minute(lab, ingest):
    before = len(lab.told("rack"))
    lab.kill(lab.upsd)
    number = order(ingest, "beeper.mute")
    time.sleep(3)
    assert row(ingest, number)["state"] == "queued"
    lab.start_upsd()
    lab.wait("rack")
    assert ended(ingest, number)["state"] == "done"
    assert of_driver(lab, before) == ["INSTCMD beeper.mute"]


def test_an_order_to_a_server_that_is_down_expires_and_never_fires(lab, ingest):
    before = len(lab.told("rack"))
    lab.kill(lab.upsd)
    number = order(ingest, "beeper.mute", expires_at=soon(2))
    expired = ended(ingest, number)
    lab.start_upsd()
    lab.wait("rack")
    time.sleep(3)
    assert expired["state"] == "expired" and "nothing listens" in expired["reason"] and not expired["sent_at"]
    assert of_driver(lab, before) == [] and row(ingest, number)["state"] == "expired"


def test_a_frozen_server_gets_nothing_to_do_when_it_thaws_and_delays_no_other(lab, tmp_path):
    with DemoUpsd() as other:
        text = config(lab.port).replace(
            "ups: {",
            f"  - {{name: other, port: {other.port}, poll_s: 2, status_s: 0.5, "
            "command_username: operator, command_password: demo}\n"
            "ups: {rack@other: {commands: [beeper.mute]}, ",
            1,
        )
        with started(tmp_path, text) as ingest:
            before = len(lab.told("rack"))
            lab.freeze(lab.upsd)
            frozen = order(ingest, "beeper.mute", expires_at=soon(10))
            began = time.time()
            beside = ended(ingest, order(ingest, "beeper.mute", ups="rack@other"))
            assert beside["state"] == "done"
            expired = ended(ingest, frozen)
            assert len(within(ingest.samples("rack@other"), began, at(expired["done_at"]))) >= 2
            lab.thaw(lab.upsd)
            lab.wait("rack")
            ingest.wait_sample("rack@lab", time.time())
            assert expired["state"] == "expired" and "frozen" in expired["reason"]
            assert of_driver(lab, before) == []


def test_a_driver_that_says_nothing_delays_no_poll_and_is_not_taken_for_done(lab, ingest):
    lab.judge("rack", "")
    number = order(ingest, "beeper.mute")
    until(lambda: row(ingest, number)["state"], lambda state: state == "sent")
    beside = order(ingest, "beeper.mute")
    until(lambda: row(ingest, beside)["state"], lambda state: state == "sent")
    unknown = ended(ingest, number, 90)
    assert unknown["state"] == "unknown" and "whether the UPS did it is not known" in unknown["reason"]
    samples = within(ingest.samples("rack@lab"), at(unknown["sent_at"]), at(unknown["done_at"]))
    assert len(samples) >= 5  # of 15 that are due in half a minute


def test_killed_between_sent_and_done_it_is_not_sent_again(lab, ingest):
    before = len(lab.told("rack"))
    lab.judge("rack", "")
    number = order(ingest, QUICK)
    until(lambda: of_driver(lab, before), bool)
    ingest.kill()
    assert row(ingest, number)["state"] == "sent"
    lab.judge("rack", "0")
    ingest.start()
    unknown = ended(ingest, number)
    assert unknown["state"] == "unknown" and "not sent again" in unknown["reason"]
    time.sleep(2)
    assert of_driver(lab, before) == [f"INSTCMD {QUICK}"]
    assert ended(ingest, order(ingest, "beeper.mute"))["state"] == "done"


def test_stopped_between_sent_and_done_the_outcome_is_unknown_at_once(lab, ingest):
    lab.judge("rack", "")
    number = order(ingest, "beeper.mute")
    until(lambda: row(ingest, number)["state"], lambda state: state == "sent")
    assert ingest.stop() == 0
    assert row(ingest, number)["state"] == "unknown"


def test_ordered_while_ingest_is_down(lab, ingest):
    before = len(lab.told("rack"))
    ingest.stop()
    fresh = order(ingest, "beeper.mute")
    old = order(ingest, QUICK, created_at=soon(-3600), expires_at=soon(-3540))
    of_tomorrow = order(ingest, QUICK, created_at=soon(86400), expires_at=soon(86460))
    before_the_machine_started = order(
        ingest, QUICK, created_at="2020-01-01T00:00:00.000Z", expires_at=soon(60)
    )
    ingest.start()
    assert ended(ingest, fresh)["state"] == "done"
    for number in (old, of_tomorrow, before_the_machine_started):
        assert ended(ingest, number)["state"] == "expired"
    assert of_driver(lab, before) == ["INSTCMD beeper.mute"]


def test_a_locked_database_lets_nothing_out_unseen(lab, ingest):
    """What is sent is on disk first: while nobody can write, nothing goes out."""
    before = len(lab.told("rack"))
    number = order(ingest, "beeper.mute")
    lock = sqlite3.connect(ingest.database, isolation_level=None)
    lock.execute("begin immediate")
    time.sleep(3)
    held = of_driver(lab, before)
    state = row(ingest, number)["state"]
    lock.execute("rollback")
    lock.close()
    assert (held, state) in (([], "queued"), (["INSTCMD beeper.mute"], "sent"))
    assert ended(ingest, number)["state"] == "done"
    assert of_driver(lab, before) == ["INSTCMD beeper.mute"]


def test_a_server_without_tracking(tmp_path):
    with DemoUpsd() as upsd:
        upsd.fail("untracked")
        text = config(
            upsd.port,
            "operator",
            "demo",
            "{commands: [beeper.mute], settings: [battery.charge.low, input.sensitivity]}",
        )
        with started(tmp_path, text) as ingest:
            done = ended(ingest, order(ingest, "beeper.mute"))
            assert done["state"] == "done" and "does not report" in done["reason"]
            assert ended(ingest, order(ingest, variable="battery.charge.low", value="15"))["state"] == "done"
            assert upsd.variables("rack")["battery.charge.low"] == "15"
            assert ended(ingest, order(ingest, variable="input.sensitivity", value="high"))["state"] == "done"


def test_the_controls_of_a_ups_are_in_its_rows(ingest):
    controls = until(
        lambda: ingest.rows(
            "select * from ups_controls c join ups u on u.id = c.ups where u.name = 'rack@lab'"
        ),
        bool,
    )
    told = {
        (c["kind"], c["name"]): (c["listed"], c["type"], c["choices"], c["ranges"], c["description"])
        for c in controls
    }
    assert told == {
        ("command", "beeper.mute"): (1, "", "[]", "[]", "Mute the beeper for now"),
        ("command", "load.off"): (0, "", "[]", "[]", "Turn the load off at once"),
        ("command", "test.battery.start"): (1, "", "[]", "[]", "Start a battery test"),
        ("command", QUICK): (1, "", "[]", "[]", "Start a quick battery test"),
        ("setting", "battery.charge.low"): (1, "RW STRING:10", "[]", "[]", "Battery: Low below"),
        ("setting", "input.sensitivity"): (
            1,
            "RW ENUM NUMBER",
            '["low", "high"]',
            "[]",
            "Input: Sensitivity",
        ),
        ("setting", "ups.delay.start"): (
            1,
            "RW RANGE NUMBER",
            "[]",
            '[["0", "600"]]',
            "Settings: Start delay",
        ),
    }


def test_a_server_that_is_not_there_at_all(tmp_path):
    ingest = IngestProcess(
        tmp_path,
        f"nut: [{{name: lab, port: {free_port()}, ups: [rack], poll_s: 2}}]\nups: {{rack@lab: {LISTED}}}\n",
    )
    with ingest:
        until(lambda: ingest.rows("select * from ups"), bool)
        expired = ended(ingest, order(ingest, "beeper.mute", expires_at=soon(3)))
        assert expired["state"] == "expired" and "nothing listens" in expired["reason"]
