"""Corrected variables, series, phases, inputs, surroundings and dates, from a real upsd through ingest."""

import pytest

from tests.ingest.nut.lab import Lab, until
from tests.ingest.ups.ingest_process import IngestProcess

UPS = """\
ups.status: OL
ups.load: 50
ups.realpower.nominal: 900
battery.charge: 100
battery.voltage: 91.3
battery.date: 05/16/19
ups.mfr.date: 2019/05/20
ups.temperature: 251
input.voltage: 70
input.L1-N.voltage: 231.0
input.L2-N.voltage: 232.0
input.L3-N.voltage: 230.5
output.frequency: 50.4
device.2.input.realpower: 396
"""
PDU = """\
device.type: ats
input.1.voltage: 229.30
input.2.voltage: 245.40
input.source: 1.00
outlet.1.status: on
outlet.1.realpower: 162.00
ambient.temperature: 24.0
ambient.humidity: 45
ambient.temperature.high: 40.00
ambient.temperature.low: 5.00
"""
PLAIN = "ups.status: OL\ninput.voltage: 230\nbattery.date: 2001/09/25\nbattery.mfr.date: 2011/03/03\n"
CONFIG = """
nut:
  - {{name: lab, port: {port}, poll_s: 1, status_s: 0.5}}
variables: {{ups.id: {{hide: true}}}}
ups:
  rack@lab:
    variables:
      battery.voltage: {{scale: 0.15}}
      ups.temperature: {{ignore: true}}
      input.voltage: {{from: input.L1-N.voltage}}
      output.frequency: {{offset: -0.5}}
    record: ["device.2.*", battery.voltage]
"""


@pytest.fixture(scope="module")
def lab():
    with Lab({"rack": UPS, "pdu": PDU, "plain": PLAIN}) as lab:
        lab.wait("rack")
        yield lab


@pytest.fixture(scope="module")
def ingest(lab, tmp_path_factory):
    with IngestProcess(tmp_path_factory.mktemp("variables"), CONFIG.format(port=lab.port)) as ingest:
        for name in ("rack@lab", "pdu@lab", "plain@lab"):
            ingest.wait_sample(name)
        yield ingest


def change(lab, ups, **values):
    with lab.client() as client:
        for name, value in values.pop("to").items():
            client.set_var(ups, name, value)


def figures(ingest, ups, variable):
    return [
        row["value"]
        for row in ingest.rows(
            """select value from ups_figures f join ups u on u.id = f.ups
            where u.name = ? and variable = ? order by f.id""",
            ups,
            variable,
        )
    ]


def test_samples_are_corrected_and_the_text_is_not(ingest):
    sample = ingest.samples("rack@lab")[-1]
    assert (sample["battery_voltage"], sample["ups_temperature"]) == (13.695, None)
    assert (sample["input_voltage"], sample["output_frequency"]) == (231, 49.9)
    texts = {
        row["variable"]: row["value"]
        for row in ingest.rows(
            "select v.* from ups_variables v join ups u on u.id = v.ups where u.name = 'rack@lab'"
        )
    }
    sent = {
        "battery.voltage": "91.3",
        "ups.temperature": "251",
        "input.voltage": "70",
        "output.frequency": "50.4",
    }
    assert sent.items() <= texts.items()
    assert ingest.rows("select * from oddities where variable in ('ups.temperature', 'input.voltage')") == []


def test_recorded_variables_are_rows_with_every_poll_and_phases_now_and_then(lab, ingest):
    change(lab, "rack", to={"device.2.input.realpower": "410"})
    until(lambda: figures(ingest, "rack@lab", "device.2.input.realpower"), lambda found: 410 in found)
    rows = figures(ingest, "rack@lab", "device.2.input.realpower")
    polls = len(ingest.samples("rack@lab"))
    assert rows[0] == 396 and abs(len(rows) - polls) <= 2
    assert set(figures(ingest, "rack@lab", "battery.voltage")) == {13.695}
    assert figures(ingest, "rack@lab", "input.L2-N.voltage") == [232]
    assert figures(ingest, "pdu@lab", "outlet.1.realpower") == [162]
    assert (
        ingest.rows("select f.* from ups_figures f join ups u on u.id = f.ups where u.name = 'plain@lab'")
        == []
    )
    [hour] = ingest.rows(
        """select max(min) as most, min(min) as least, sum(samples) as samples from ups_figures_hourly
        where variable = 'device.2.input.realpower'"""
    )
    assert hour["least"] == 396 and hour["samples"] >= len(rows)


def test_a_lost_phase_from_the_wire(lab, ingest):
    change(lab, "rack", to={"input.L2-N.voltage": "3.0"})
    event = ingest.wait_event("rack@lab", "PHASE_LOST")
    assert event["detail"] == "phase L2 lost: 3 V, 231 V on the others"
    change(lab, "rack", to={"input.L2-N.voltage": "232"})
    ingest.wait_event("rack@lab", "PHASE_LOST", is_open=False)
    assert [row["event"] for row in ingest.events("rack@lab")] == ["PHASE_LOST"]


def test_another_input_and_warm_surroundings_from_the_wire(lab, ingest):
    assert ingest.samples("pdu@lab")[-1]["input_voltage"] == 229.3
    change(lab, "pdu", to={"input.source": "2.00"})
    event = ingest.wait_event("pdu@lab", "INPUT_SOURCE", is_open=False)
    assert event["detail"] == "from input 1 to 2" and event["started_at"] == event["ended_at"]
    assert ingest.samples("pdu@lab")[-1]["input_voltage"] == 245.4
    change(lab, "pdu", to={"ambient.temperature": "43.5"})
    event = ingest.wait_event("pdu@lab", "AMBIENT")
    assert event["detail"] == "temperature around it above 40 °C: 43.5 °C"
    change(lab, "pdu", to={"ambient.temperature": "30"})
    ingest.wait_event("pdu@lab", "AMBIENT", is_open=False)


def test_the_date_of_a_battery_from_the_wire(ingest):
    found = {
        row["name"]: (row["battery_changed_at"], row["battery_changed_from"])
        for row in ingest.rows("select * from ups_overview")
    }
    assert found["rack@lab"] == ("2019-05-16T12:00:00.000Z", "from the device")
    assert found["plain@lab"] == (None, None)
