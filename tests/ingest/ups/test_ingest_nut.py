"""The whole ingest process against a real upsd with dummy-ups, and a second server beside it.

How soon something is noticed is a matter of `test_ups_pace`; here a busy machine may take its time.
"""

import time

import pytest

from ingest.demo.ups.upsd import DemoUpsd
from ingest.ups.figures import column
from ingest.ups.measurement import measure
from tests.ingest.nut.lab import DEVICES, Lab, until
from tests.ingest.ups.ingest_process import IngestProcess, at, now

PLAIN = """\
ups.status: OL
ups.load: 50
ups.realpower.nominal: 900
battery.charge: 100
battery.runtime: 1800
input.voltage: 230.4
"""
CONFIG = """
nut:
  - {{name: lab, port: {lab}, poll_s: 2, status_s: 1}}
  - {{name: other, port: {other}, ups: [rack], poll_s: 2, status_s: 0.5, username: operator, password: wrong}}
ups:
  plain@lab: {{label: Plain, power_factor: 0.7}}
"""


@pytest.fixture(scope="module")
def lab():
    with Lab(
        {"plain": PLAIN, "eaton": DEVICES / "eaton-3s-550.dev", "apc": DEVICES / "apc-back-ups-rs-1600si.dev"}
    ) as lab:
        for name in ("plain", "eaton", "apc"):
            lab.wait(name)
        yield lab


@pytest.fixture(scope="module")
def ingest(lab, tmp_path_factory):
    with (
        DemoUpsd() as other,
        IngestProcess(
            tmp_path_factory.mktemp("nut"), CONFIG.format(lab=lab.port, other=other.port)
        ) as ingest,
    ):
        for name in ("plain@lab", "eaton@lab", "apc@lab", "rack@other"):
            ingest.wait_sample(name)
        yield ingest


@pytest.mark.parametrize("name", ["eaton", "apc"])
def test_every_variable_of_a_device_file_is_kept_as_it_stands(lab, ingest, name):
    rows = (
        line.split(":", 1)
        for line in lab.files[name].read_text().splitlines()
        if line and not line.startswith("#")
    )
    told = {variable: value.strip() for variable, value in rows}
    held = ingest.rows(
        "select variable, value from ups_variables v join ups u on u.id = v.ups where u.name = ?",
        f"{name}@lab",
    )
    assert {
        row["variable"]: row["value"]
        for row in held
        if not row["variable"].startswith(("driver.", "server."))
    } == told
    sample = ingest.samples(f"{name}@lab")[-1]
    for variable, number in measure(told).figures.items():
        if column(variable) in sample:
            assert sample[column(variable)] == number
    assert sample["ups_status"] == told["ups.status"]


def test_a_wrong_password_is_explained_and_reading_goes_on(ingest):
    assert "denied" in ingest.status("other")["detail"]
    assert [run["outcome"] for run in ingest.polls("rack@other")] == ["denied", "ok"]
    assert ingest.events("rack@other", "COMMBAD") == []


def test_a_status_set_by_upsrw_is_an_outage_and_low_battery(lab, ingest):
    with lab.client() as client:
        began = now()
        client.set_var("plain", "ups.status", "OB DISCHRG")
        event = ingest.wait_event("plain@lab", "ONBATT")
        assert at(event["started_at"]) > began
        client.set_var("plain", "ups.status", "OB DISCHRG LB")
        client.set_var("plain", "battery.charge", "15")
        ingest.wait_event("plain@lab", "LOWBATT")
        client.set_var("plain", "ups.status", "OL CHRG")
        event = ingest.wait_event("plain@lab", "ONBATT", is_open=False)
    figures = event["figures"]
    assert event["complete"] == 1
    assert figures["low_battery"] == 1 and figures["charge_start"] == 100 and figures["lowest_charge"] == 15
    seconds = at(event["ended_at"]) - at(event["started_at"])
    assert figures["seconds"] == pytest.approx(seconds, abs=0.01)
    assert figures["wh"] == pytest.approx(450 * figures["metered_s"] / 3600, rel=0.02)
    assert figures["metered_s"] == pytest.approx(seconds, abs=0.01)
    samples = [s for s in ingest.samples("plain@lab") if s["ups_status"].startswith("OB")]
    assert figures["samples"] == len(samples) >= 2
    ingest.wait_event("plain@lab", "LOWBATT", is_open=False)


def test_a_setting_that_changes_is_history_and_a_measurement_is_not(lab, ingest):
    with lab.client() as client:
        client.set_var("apc", "input.transfer.low", "170")
        client.set_var("apc", "battery.charge", "99")
    changes = until(lambda: ingest.rows("select * from ups_variable_changes order by id"), bool)
    assert [(row["variable"], row["value"]) for row in changes] == [("input.transfer.low", "170")]
    until(lambda: ingest.samples("apc@lab")[-1]["battery_charge"], lambda charge: charge == 99)
    assert len(ingest.rows("select * from ups_variable_changes")) == 1


def test_a_frozen_upsd_leaves_a_gap_and_nothing_else(lab, ingest):
    lab.freeze(lab.upsd)
    event = ingest.wait_event("eaton@lab", "COMMBAD")
    frozen = now()
    assert event["figures"]["where"] == "server" and event["figures"]["outcome"] == "timeout"
    assert "frozen" in ingest.status("lab")["detail"] and ingest.status("lab")["state"] == "lost"
    ingest.wait_sample("rack@other", frozen)  # read while the other server hangs
    thawed = now()
    lab.thaw(lab.upsd)
    ingest.wait_sample("eaton@lab", thawed)
    ingest.wait_event("eaton@lab", "COMMBAD", is_open=False)
    noticed = at(event["started_at"])
    assert not [s for s in ingest.samples("eaton@lab") if noticed < at(s["sampled_at"]) < thawed]
    assert until(lambda: ingest.status("lab")["state"], lambda state: state == "connected") == "connected"


def test_a_killed_upsd_is_noticed_and_read_again(lab, ingest):
    lab.kill(lab.upsd)
    event = ingest.wait_event("apc@lab", "COMMBAD")
    # On a busy machine a poll may have timed out just before.
    assert event["figures"]["outcome"] in ("closed", "refused", "timeout")
    assert (
        until(lambda: ingest.polls("apc@lab")[-1]["outcome"], lambda outcome: outcome == "refused")
        == "refused"
    )
    lab.start_upsd()
    listening = now()
    lab.wait("apc")
    ingest.wait_sample("apc@lab", listening)
    ingest.wait_event("apc@lab", "COMMBAD", is_open=False)


def test_a_killed_driver_concerns_its_ups_alone(lab, ingest):
    lab.kill(lab.drivers["plain"])
    event = ingest.wait_event("plain@lab", "COMMBAD")
    assert event["figures"]["where"] == "driver" and event["figures"]["outcome"] == "driver"
    assert "plain@lab: driver" in until(
        lambda: ingest.status("lab")["detail"], lambda words: "driver" in words
    )
    assert ingest.events("eaton@lab", "COMMBAD")[-1]["ended_at"]
    ingest.wait_sample("eaton@lab", now())
    lab.start_driver("plain")
    lab.wait("plain", "OL")
    ingest.wait_event("plain@lab", "COMMBAD", is_open=False)
    assert {s["ups_status"] for s in ingest.samples("plain@lab")} <= {
        "OL",
        "OB DISCHRG",
        "OB DISCHRG LB",
        "OL CHRG",
    }


def test_a_frozen_driver_is_stale_and_concerns_the_device(lab, ingest):
    lab.freeze(lab.drivers["apc"])
    event = ingest.wait_event("apc@lab", "COMMBAD")
    assert event["figures"]["where"] == "device" and event["figures"]["outcome"] == "stale"
    assert "cable" in event["detail"]
    lab.thaw(lab.drivers["apc"])
    ingest.wait_event("apc@lab", "COMMBAD", is_open=False)


def test_a_daemon_killed_in_an_outage_marks_it_incomplete_and_counts_what_was_seen(lab, ingest):
    outages = len(ingest.events("plain@lab", "ONBATT"))
    with lab.client() as client:
        client.set_var("plain", "ups.status", "OB DISCHRG")
        event = ingest.wait_event("plain@lab", "ONBATT")
        time.sleep(1.2)
        ingest.kill()
        time.sleep(2)
        ingest.start()
        again = until(lambda: ingest.events("plain@lab", "ONBATT")[-1], lambda row: not row["complete"])
        assert again["id"] == event["id"] and again["started_at"] == event["started_at"]
        time.sleep(1)
        client.set_var("plain", "ups.status", "OL")
        over = ingest.wait_event("plain@lab", "ONBATT", is_open=False)
    assert over["complete"] == 0 and len(ingest.events("plain@lab", "ONBATT")) == outages + 1
    figures = over["figures"]
    assert figures["covered_s"] < figures["seconds"] - 1.8
    assert figures["wh"] == pytest.approx(450 * figures["covered_s"] / 3600, rel=0.01)


def test_nothing_was_invented(ingest):
    """After all of this: the outages that were played, the troubles that were made, and no other event."""
    assert ingest.stop() == 0
    seen = {e["event"] for e in ingest.events("plain@lab")}
    assert seen - {"CHARGE_LOW"} == {"ONBATT", "LOWBATT", "COMMBAD"}  # it may show once mains are back
    assert {e["event"] for e in ingest.events("eaton@lab")} == {"COMMBAD"}
    assert ingest.events("rack@other", "ONBATT") == ingest.events("rack@other", "COMMBAD") == []
    assert ingest.status("lab")["state"] == "stopped"
    assert len(ingest.rows("select * from ups")) == 4
    assert (
        "INFO" in ingest.log.read_text() and "on mains, " not in ingest.log.read_text()
    )  # no line for a poll
