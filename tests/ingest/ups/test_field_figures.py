"""Figures that cannot be, and the watts of devices of every kind: values of real device dumps and reports."""

import random

import pytest

from ingest.config.model import UpsSettings
from ingest.ups.measurement import measure
from ingest.ups.plausible import read_figures
from tests.ingest.ups.scenario import Scenario

NORMAL = {
    "battery.charge": "97",
    "battery.runtime": "1810",
    "battery.voltage": "27.1",
    "battery.temperature": "24",
    "input.frequency": "50.0",
    "input.transfer.high": "264",
    "input.transfer.low": "184",
    "input.voltage": "231.4",
    "input.voltage.nominal": "230",
    "output.current": "1.6",
    "output.frequency": "50.0",
    "output.voltage": "230.1",
    "ups.load": "24",
    "ups.power": "310",
    "ups.power.nominal": "1500",
    "ups.realpower": "216",
    "ups.realpower.nominal": "900",
    "ups.temperature": "31.5",
}


@pytest.mark.parametrize(
    ("variable", "texts"),
    [
        ("battery.charge", ["255", "-197.6", "1000", "-143.2", "121", "-1", "6550.0"]),
        ("ups.temperature", ["255", "302.0", "-272", "294.0", "3022999999999998800", "121", "-41"]),
        ("battery.temperature", ["-213", "248", "251", "293.00"]),
        ("battery.runtime", ["-1", "3932100", "65535", "-60.0", "604801", "4294967295"]),
        ("ups.load", ["520", "562020.0", "255", "300.00", "410", "660", "4" * 240, "-5"]),
        ("input.voltage", ["-159357104.0", "2320", "-6437.0", "606.62", "4095", "65535"]),
        ("output.voltage", ["1190.0", "2290.00", "3946.0", "41216.0", "-29733682.0"]),
        ("input.frequency", ["5990.0", "5.0", "80.12", "2000.00", "409.50", "20"]),
        ("battery.voltage", ["10000000.", "0.0", "0.2", "-1", "1001"]),
        ("ups.power", ["835406.0", "2251", "-3"]),
        ("ups.realpower", ["501244", "1351", "-1"]),
        ("input.L1-N.voltage", ["4095", "-1"]),
        ("ambient.humidity", ["-1.00", "101"]),
        ("output.powerfactor", ["57.00", "-0.1"]),
    ],
)
def test_a_figure_that_cannot_be_is_unknown_and_says_why(variable, texts):
    for text in texts:
        found = measure(NORMAL | {variable: text})
        assert variable not in found.figures or (variable == "ups.realpower" and found.watts is not None), (
            text
        )
        assert found.implausible[variable][0] in (text, f"{float(text):g}")


@pytest.mark.parametrize(
    ("variable", "text", "figure"),
    [
        ("battery.charge", "0", 0),
        ("battery.charge", "100.00", 100),
        ("battery.charge", "102.3", 100),
        ("battery.charge", "120", 100),
        ("ups.temperature", "66.6", 66.6),
        ("ups.temperature", "-12", -12),
        ("ups.temperature", "0", 0),
        ("battery.runtime", "133200", 133_200),
        ("battery.runtime", "00687", 687),
        ("ups.load", "150.00", 150),
        ("input.voltage", "0.0", 0),
        ("input.voltage", "405.4", 405.4),
        ("input.frequency", "48.2", 48.2),
        ("battery.voltage", "829.0", 829),
        ("ups.realpower", "1340", 1340),
    ],
)
def test_a_figure_that_can_be_is_kept(variable, text, figure):
    found = read_figures(NORMAL | {variable: text})
    assert found.figures[variable] == figure and found.implausible == {}


@pytest.mark.parametrize("variable", ["input.frequency", "output.frequency"])
def test_0_hz_is_not_measured_and_nothing_odd(variable):
    found = read_figures(NORMAL | {variable: "0.0"})
    assert variable not in found.figures and found.implausible == {}


def test_a_runtime_of_0_with_a_full_battery_is_none():
    assert "battery.runtime" not in measure(NORMAL | {"battery.runtime": "0"}).figures
    empty = measure(NORMAL | {"battery.runtime": "0", "battery.charge": "3"})
    assert empty.figures["battery.runtime"] == 0


@pytest.mark.parametrize("number", ["1", "0.0", "255", "37"])
def test_a_device_whose_figures_are_all_one_number_measures_nothing(number):
    told = dict.fromkeys(NORMAL, number)
    found = measure(told)
    assert not {"battery.charge", "ups.load", "input.voltage", "battery.runtime"} & found.figures.keys()
    assert found.watts is None


ODD = ["", "n/a", "--.-", "NA", "nan", "1:57", "-99999999", "99999999999", "9" * 200, "0x12", "XX.X", "12 V"]


@pytest.mark.parametrize(
    "variable", [name for name in NORMAL if "nominal" not in name and "transfer" not in name]
)
def test_one_figure_that_is_missing_text_or_impossible_changes_nothing_else(variable):
    normal = measure(NORMAL)
    for text in [None, *ODD]:
        told = NORMAL | ({} if text is None else {variable: text})
        if text is None:
            told = {name: value for name, value in NORMAL.items() if name != variable}
        found = measure(told)
        rest = {name: number for name, number in found.figures.items() if name != variable}
        assert rest == {name: number for name, number in normal.figures.items() if name != variable}, text
        if variable not in ("ups.realpower", "ups.load"):
            assert (found.watts, found.watts_rule) == (normal.watts, normal.watts_rule)


@pytest.mark.parametrize("variable", NORMAL)
def test_one_figure_that_is_odd_makes_no_event_and_no_other_state(variable):
    for text in ODD:
        ups = Scenario()
        ups.variables = dict(NORMAL)
        for _ in range(5):
            ups.full("OL CHRG", 10)
        ups.variables[variable] = text
        for _ in range(8):
            ups.full("OL CHRG", 10)
        assert ups.seen() == [] and ups.machine.mains.value == "mains", text


WATTS = [  # variables, W, the source that the rule names
    ("output.realpower 213 output.realpower.nominal 1500 ups.load 14", 213, "output.realpower"),
    (
        "output.realpower 1810 output.realpower.nominal 2250 ups.load 60.6 ups.power.nominal 3000 "
        "output.power 1.82 battery.charge 92.7",
        1810,
        "output.realpower",
    ),
    (
        "output.L1.realpower 34656 output.L2.realpower 43783 output.L3.realpower 38859 ups.power 34656 "
        "ups.power.nominal 450000 ups.realpower.nominal 409000 battery.charge 100",
        117_298,
        "output.L1..L3.realpower",
    ),
    (
        "output.L1.realpower 383 output.L2.realpower 482 output.L3.realpower 374 ups.power 383 "
        "ups.power.nominal 20000",
        1239,
        "output.L1..L3.realpower",
    ),
    (
        "ups.L1.realpower 86 ups.L2.realpower 140.8 ups.L3.realpower 81.6 ups.load 25",
        308.4,
        "ups.L1..L3.realpower",
    ),
    ("ups.L1-N.realpower 100 ups.L2-N.realpower 90 ups.L3-N.realpower 80", 270, "ups.L1..L3-N.realpower"),
    ("input.realpower 482", 482, "input.realpower"),
    (
        "input.phases 1.00 input.L1.realpower 4095 input.L2.realpower 4198 input.realpower 4198",
        4198,
        "input.realpower",
    ),
    ("outlet.1.realpower 162 outlet.2.realpower 68", 230, "outlet.N.realpower"),
    ("outlet.realpower 274 outlet.1.realpower 162", 274, "outlet.realpower"),
    ("outlet.group.1.realpower 100 outlet.group.2.realpower 50", 150, "outlet.group.N.realpower"),
    (
        "outlet.group.1.realpower 1701 outlet.group.2.realpower 884 outlet.group.3.realpower 839",
        1701,
        "outlet.group.N.realpower",
    ),
    ("ups.realpower 0 ups.load 24 ups.realpower.nominal 600", 144, "load x nominal W"),
    ("ups.realpower 0 ups.load 24 ups.power.nominal 2", None, None),
    ("ups.load 8 ups.power.nominal 5", None, None),
    ("ups.load 3 ups.power.nominal 1", None, None),
    (
        "ups.load 90 ups.realpower.nominal 48000 output.L1.realpower 0 output.L2.realpower 0 "
        "output.L3.realpower 0",
        43_200,
        "load x nominal W",
    ),
    (
        "ups.power 300000 ups.power.nominal 450000 ups.realpower.nominal 409000",
        300_000 * 409 / 450,
        "VA x power factor",
    ),
    ("ups.power 400 ups.power.nominal 1000 output.powerfactor 0.82", 328, "VA x power factor"),
    ("ups.power 400 ups.power.nominal 1000 output.powerfactor 0.00", 240, "VA x power factor"),
    ("ups.power 0.00 ups.load 24 ups.power.nominal 1500", 216, "load x nominal VA x power factor"),
    (
        "output.L1.power 30900 output.L2.power 35300 output.L3.power 32600 battery.charge 100",
        98_800 * 0.6,
        "output.L1..L3.power",
    ),
    (
        "output.L1.power.percent 7 output.L2.power.percent 9 output.L3.power.percent 8 "
        "ups.realpower.nominal 18000 battery.charge 1",
        1440,
        "load x nominal W",
    ),
    ("input.realpower 902 output.realpower 0 ups.load 0 battery.charge 90", 0, "output.realpower"),
    ("ups.load 38 ups.realpower.nominal 810", 307.8, "load x nominal W"),
    # Nominal W of one phase beside VA of all; W a tenth of what they are; VA of the whole alone, or in kVA.
    (
        "output.phases 3 ups.load 1.8 ups.power.nominal 8000 ups.realpower.nominal 2400.0 "
        "ups.L1-N.realpower 0 ups.L2-N.realpower 0 ups.L3-N.realpower 0 battery.charge 99",
        129.6,
        "load x nominal W",
    ),
    ("output.phases 3 ups.load 50 ups.power.nominal 20000 ups.realpower.nominal 18000", 9000, "nominal W"),
    ("output.phases 1 ups.load 50 ups.power.nominal 3000 ups.realpower.nominal 900", 450, "nominal W"),
    ("output.realpower 16.8 ups.power 168.0 ups.load 4.0 battery.charge 100", 100.8, "VA x power factor"),
    ("ups.realpower 25.94 ups.power 77.93 ups.load 5.19", 25.94, "measured"),
    ("ups.realpower 12 ups.power 80 ups.load 2 battery.charge 100", 12, "measured"),
    ("ups.realpower 90 ups.power 1500 ups.power.nominal 1500 ups.load 6", 90, "measured"),
    ("output.power 300 ups.load 10 battery.charge 90", 180, "output.power"),
    ("output.power 1.82 ups.load 60.6 ups.power.nominal 3000", 1090.8, "load x nominal VA"),
    ("ups.power 141 ups.realpower 99 ups.load 9 ups.power.nominal 1500", 99, "measured"),
    ("ups.load 520 ups.realpower.nominal 600", None, None),
    ("ups.realpower 501244 ups.realpower.nominal 900 ups.load 10", 90, "load x nominal W"),
    ("output.current 6.00 output.voltage 120.00 ups.load 54", 432, "A x V x power factor"),
    ("output.current 30.7 output.voltage 11.96 battery.charge 98", None, None),
    ("battery.charge 100", None, None),
]


def variables_of(text):
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize(("variables", "watts", "source"), WATTS)
def test_watts_come_from_the_best_source_and_name_it(variables, watts, source):
    found = measure(variables_of(variables))
    assert found.watts == (None if watts is None else pytest.approx(watts, rel=1e-4))
    assert (found.watts_rule is None) if source is None else source in found.watts_rule


def test_the_order_of_the_variables_does_not_matter():
    for variables, watts, _ in WATTS:
        mixed = list(variables_of(variables).items())
        random.Random(3).shuffle(mixed)
        assert measure(dict(mixed)).watts == (None if watts is None else pytest.approx(watts, rel=1e-4))


def test_the_config_overrules_the_device():
    told = {"ups.load": "24", "ups.realpower.nominal": "1", "ups.power.nominal": "900"}
    assert measure(told, UpsSettings(realpower_nominal=540)).watts == pytest.approx(129.6)
    apparent = {"ups.power": "400", "output.powerfactor": "0.99"}
    assert measure(apparent, UpsSettings(power_factor=0.7)).watts == pytest.approx(280)


def test_phases_feed_the_columns_of_the_whole():
    figures = measure(
        {
            "input.L1-N.voltage": "231", "input.L2-N.voltage": "229", "input.L3-N.voltage": "233",
            "output.L1.voltage": "230", "output.L2.voltage": "230", "output.L3.voltage": "230",
            "output.L1.current": "2", "output.L2.current": "3", "output.L3.current": "4",
            "output.L1.realpower": "400", "output.L2.realpower": "500", "output.L3.realpower": "600",
        }
    ).figures  # fmt: skip
    assert figures["input.voltage"] == 231 and figures["output.voltage"] == 230
    assert figures["output.current"] == 9 and figures["ups.realpower"] == 1500
