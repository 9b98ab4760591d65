"""A stored sample by the present rules: what stays, what becomes unknown, and which watts are found again."""

import pytest

from ingest.recompute.stored_samples import StoredSample, correct, is_possible, suspicious_sql
from ingest.ups.settings import UpsSettings
from ingest.ups.watts import Rating

NORMAL = {"input.voltage": 230.0, "battery.charge": 100.0, "battery.voltage": 27.2, "ups.load": 20.0}
W900 = {"ups.realpower.nominal": "900"}


def sample(watts=None, rule=None, status="OL", **figures):
    found = NORMAL | {name.replace("_", "."): value for name, value in figures.items()}
    held = {name: value for name, value in found.items() if value is not None}
    return StoredSample(1, 1_780_000_000.0, status, held, watts, rule)


@pytest.mark.parametrize(
    ("name", "value", "now"),
    [
        ("battery_charge", 255.0, None),
        ("battery_charge", -197.6, None),
        ("battery_charge", 1000.0, None),
        ("battery_charge", 110.0, 100.0),
        ("battery_runtime", -1.0, None),
        ("battery_runtime", 3_932_100.0, None),
        ("battery_runtime", 65_535.0, None),
        ("ups_temperature", 302.0, None),
        ("ups_temperature", -272.0, None),
        ("input_voltage", -159_357_104.0, None),
        ("input_voltage", 2320.0, None),
        ("input_frequency", 5990.0, None),
        ("ups_power", 835_406.0, None),
        ("battery_voltage", 10_000_000.0, None),
        ("ups_load", 520.0, None),
        ("ups_realpower", 500_000.0, None),
    ],
)
def test_a_figure_that_cannot_be_is_unknown(name, value, now):
    found = correct(sample(**{name: value}), {}, UpsSettings())
    assert found.changed[name] == now
    assert found.measurement.figures.get(name.replace("_", ".")) == now


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("battery_charge", 0.0),
        ("ups_temperature", -39.0),
        ("ups_load", 199.0),
        ("battery_runtime", 604_800.0),
        ("input_voltage", 0.0),
        ("battery_voltage", 0.6),
        ("battery_current", -12.0),
    ],
)
def test_a_figure_that_can_be_stays(name, value):
    assert correct(sample(**{name: value}), {}, UpsSettings()).changed == {}


@pytest.mark.parametrize(
    ("before", "constants", "own", "now"),
    [
        # 0 W beside a load, with and without a nominal power
        (sample(0.0, "measured", ups_realpower=0.0), W900, {}, (180.0, "load x nominal W")),
        (sample(0.0, "measured", ups_realpower=0.0), {}, {}, (None, None)),
        (sample(0.0, "measured", ups_realpower=0.0, ups_load=0.0), W900, {}, (0.0, "measured")),
        # a load that cannot be
        (sample(5_058_180.0, "load x nominal W", ups_load=562_020.0), W900, {}, (None, None)),
        # a nominal power of 1 VA
        (
            sample(0.12, "load x nominal VA x power factor"),
            {"ups.power.nominal": "1"},
            {},
            (None, None),
        ),
        # both nominal powers give the factor
        (
            sample(600.0, "VA x power factor", ups_power=1000.0, ups_load=None),
            {"ups.realpower.nominal": "1350", "ups.power.nominal": "1500"},
            {},
            (900.0, "VA x power factor"),
        ),
        # load and a nominal power in W are better than VA and an assumed factor
        (sample(120.0, "VA x power factor", ups_power=200.0), W900, {}, (180.0, "load x nominal W")),
        # the nominal power of then was another one: it stays
        (sample(160.0, "load x nominal W"), W900, {}, (160.0, "load x nominal W")),
        (
            sample(160.0, "load x nominal W"),
            {},
            {},
            (160.0, "load x nominal W"),
        ),  # it is not reported any more
        (sample(160.0, "load x nominal W"), {}, {"realpower_nominal": 900.0}, (160.0, "load x nominal W")),
        # there were no watts, though there could have been
        (sample(), W900, {}, (180.0, "load x nominal W")),
        (sample(), {}, {}, (None, None)),
        # more than one and a half times the nominal power
        (sample(2000.0, "measured", ups_realpower=2000.0), W900, {}, (180.0, "load x nominal W")),
        (sample(1000.0, "measured", ups_realpower=1000.0), W900, {}, (1000.0, "measured")),
        (sample(213.0, "measured", ups_realpower=213.0), {}, {}, (213.0, "measured")),
        # an import by the present version, of a file with other sources
        (
            sample(213.0, "measured (output.realpower)", ups_realpower=213.0),
            W900,
            {},
            (213.0, "measured (output.realpower)"),
        ),
    ],
)
def test_watts(before, constants, own, now):
    found = correct(before, constants, UpsSettings(**own)).measurement
    assert (found.watts, found.watts_rule) == now


def test_it_comes_to_the_same_when_it_is_done_twice():
    first = correct(sample(0.0, "measured", ups_realpower=0.0, battery_charge=110.0), W900, UpsSettings())
    figures, watts, rule, *_ = first.measurement
    held = {name: value for name, value in figures.items() if "nominal" not in name}
    again = StoredSample(1, 1.0, "OL", held, watts, rule)
    assert correct(again, W900, UpsSettings()).changed == {}


def test_what_the_present_version_stored_stays():
    one = sample(500.0, "measured (output.realpower)", battery_charge=101.0)
    found = correct(one, W900, UpsSettings(), is_right=True)
    assert found.changed == {} and found.measurement.watts == 500.0


@pytest.mark.parametrize(
    ("name", "low", "high", "possible"),
    [
        ("battery.charge", 0, 100, True),
        ("battery.charge", 20, 255, False),
        ("battery.runtime", -1, 1800, False),
        ("input.frequency", 0, 50, True),
        ("input.frequency", 1, 50, False),
        ("watts", 0, 501_244, False),
        ("input.voltage", -159_357_104, 230, False),
    ],
)
def test_the_extremes_of_an_hour(name, low, high, possible):
    assert is_possible(name, low, high) is possible


def test_the_condition_is_sql():
    for rating in (Rating(), Rating(900.0, 1500.0, 0.6), Rating(None, 1500.0, 0.8)):
        assert "ups_status" in suspicious_sql(rating, UpsSettings())
