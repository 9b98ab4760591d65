"""Devices of many kinds at once on a real upsd: state, watts, limits and events against the truth by hand.

Figures are those of public device dumps, shortened to what matters.
"""

import shlex

import pytest

from tests.ingest.nut.lab import Lab, until
from tests.ingest.ups.ingest_process import IngestProcess

# name -> (variables, state, W, a part of the rule, input V as sampled, open events)
DEVICES = {
    "zero-limits": (
        "ups.status OL input.transfer.low 0 input.transfer.high 0 input.voltage 230.0 "
        "input.voltage.nominal 230",
        ("OK", None, "", 230, set()),
    ),
    "house120": ("ups.status OL input.voltage 121.0 battery.charge 100", ("OK", None, "", 121, set())),
    "dc5": ("ups.status OL input.voltage 4.988 battery.charge 98", ("OK", None, "", 4.988, set())),
    "three-phase": (
        "ups.status OL output.L1.realpower 34656 output.L2.realpower 43783 output.L3.realpower 38859 "
        "ups.power 34656 ups.power.nominal 450000 ups.realpower.nominal 409000 battery.charge 100 "
        "input.L1-N.voltage 231 input.L2-N.voltage 229 input.L3-N.voltage 230",
        ("OK", 117_298, "output.L1..L3.realpower", 230, set()),
    ),
    "nominal1": (
        "ups.status OL battery.charge 100.0 ups.load 3 ups.power.nominal 1",
        ("OK", None, "", None, set()),
    ),
    "zero-watts": (
        "ups.status OL ups.realpower 0 ups.load 24 ups.power.nominal 2 battery.charge 20",
        ("OK", None, "", None, set()),
    ),
    "out-realpower": (
        "ups.status OL output.realpower 1810.00 output.realpower.nominal 2250.00 ups.load 60.6 "
        "ups.power.nominal 3000 battery.charge 92.7 input.voltage 120 input.voltage.nominal 120",
        ("OK", 1810, "output.realpower", 120, set()),
    ),
    "impossible": (
        "ups.status OL battery.charge 255 battery.runtime 3932100 ups.temperature 302.0 ups.load 562020.0 "
        "input.voltage -159357104.0 input.frequency 5990.0 ups.power 835406.0 battery.voltage 10000000.",
        ("OK", None, "", None, set()),
    ),
    "pdu": (
        "device.type pdu input.voltage 239.58 input.realpower 482.00 outlet.1.realpower 200 "
        "outlet.2.realpower 282",
        ("OK", 482, "input.realpower", 239.58, set()),
    ),
    "contradiction": (
        "ups.status \"OL OB\" input.voltage 209.0 input.voltage.nominal 230 battery.charge 99",
        ("Warning", None, "", 209, set()),
    ),
    "test-word": (
        "ups.status \"OB DISCHRG TEST\" input.voltage 0.0 input.voltage.nominal 230 "
        "battery.charge 88 ups.load 20 ups.realpower.nominal 900 battery.runtime 1200",
        ("Warning", 180, "load x nominal W", 0, {"ONBATT"}),
    ),
    "testing": (
        "ups.status \"OB DISCHRG\" ups.test.result \"In progress\" input.voltage 230 "
        "input.voltage.nominal 230 "
        "battery.charge 88",
        ("OK", None, "", 230, {"TEST"}),
    ),
    "low": (
        "ups.status \"OB DISCHRG\" battery.charge 3 battery.charge.low 20 battery.runtime 60 "
        "battery.runtime.low 180 input.voltage 0.0",
        ("Critical", None, "", 0, {"ONBATT", "LOWBATT"}),
    ),
    "failed-test": (
        "ups.status OL ups.test.result \"Done and failed\" input.voltage 230",
        ("Warning", None, "", 230, {"TEST_FAILED"}),
    ),
    "no-battery": ("ups.status \"NOBATT OL\" input.voltage 230", ("Warning", None, "", 230, set())),
    "trim-alone": ("ups.status TRIM input.voltage 245", ("Warning", None, "", 245, {"TRIM"})),
    "over": (
        "ups.status OL ups.load 130 input.voltage 227 input.transfer.low 340 input.transfer.high 460",
        ("Critical", None, "", 227, {"OVER"}),
    ),
    "low-input": (
        "ups.status OL input.voltage 170 input.voltage.nominal 230 battery.charge 100",
        ("Warning", None, "", 170, {"INPUT_LOW"}),
    ),
}  # fmt: skip


def device(text):
    """A device file; without a status a driver of our own, since dummy-ups makes one up."""
    words = iter(shlex.split(text))
    variables = dict(zip(words, words, strict=True))
    if "ups.status" not in variables:
        return {"variables": variables}
    return "".join(f"{name}: {value}\n" for name, value in variables.items())


@pytest.fixture(scope="module")
def ingest(tmp_path_factory):
    with Lab({name: device(text) for name, (text, _) in DEVICES.items()}) as lab:
        config = f"nut:\n  - {{name: lab, port: {lab.port}, poll_s: 2, status_s: 1}}\n"
        with IngestProcess(tmp_path_factory.mktemp("field"), config) as ingest:

            def sampled():
                rows = ingest.rows("select ups from ups_samples group by ups having count(*) >= 4")
                return len(rows) == len(DEVICES)

            assert until(sampled, bool, 120), ingest.log.read_text()[-3000:]
            yield ingest


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_of_the_field(ingest, name):
    state, watts, rule, volts, events = DEVICES[name][1]
    ups = f"{name}@lab"
    (row,) = ingest.rows("select * from ups_overview where name = ?", ups)
    assert row["state"] == state, row["reason"]
    assert row["watts"] == (None if watts is None else pytest.approx(watts)), row["watts_rule"]
    assert rule in (row["watts_rule"] or "")
    assert row["input_voltage"] == volts
    assert {event["event"] for event in ingest.events(ups) if event["ended_at"] is None} == events
    if name == "pdu":
        assert row["status"] is None and "status not reported" in row["reason"]
    if name == "impossible":
        odd = ingest.rows("select o.* from oddities o join ups u on u.id = o.ups where u.name = ?", ups)
        assert {one["variable"] for one in odd} >= {"battery.charge", "ups.load", "input.voltage"}
        assert "battery.charge = 255: outside 0 to 100 %" in {one["reason"] for one in odd}
        figures = ("battery_charge", "battery_runtime", "ups_temperature", "ups_load", "input_frequency")
        assert [row[figure] for figure in figures] == [None] * 5
        held = ingest.rows(
            "select value from ups_variables v join ups u on u.id = v.ups where u.name = ? "
            "and variable = 'battery.charge'",
            ups,
        )
        assert held == [{"value": "255"}]
    if name == "contradiction":
        assert "contradiction" in row["reason"]
    if name == "failed-test":
        assert "Done and failed" in row["reason"]
