"""The sections `nut:`, `must:`, `ups:` and `energy:`: what they take, and what each mistake is told."""

import pytest

from ingest.config.model import ConfigError, Tariff
from ingest.ups.limits import Limits
from tests.helpers.config_text import parse_config

GOOD = """
nut:
  - {name: closet, host: nas, ups: [rack, desk], username: reader, password: secret}
  - {name: attic, host: 10.0.0.2}
must:
  - {name: garage, serial: /dev/ttyUSB0}
ups:
  rack@closet:
    {label: Rack, location: closet, realpower_nominal: 900, power_factor: 0.6,
     limits: {temperature_max: 45, load_max: null}, commands: [test.battery.start, vendor.blink],
     settings: [battery.charge.low, outlet.2.desc, vendor.colour]}
  any@attic: {discharging_is_outage: true}
  garage: {label: Garage}
energy:
  - {from: 2026-01-01, to: 2026-06-30, price_per_kwh: 0.32, currency: EUR}
  - {from: 2026-07-01, price_per_kwh: 0.2, currency: EUR, hours: "23-7", days: mon-fri}
"""


def faults(text):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "/tmp")
    return str(caught.value)


def test_all_of_it():
    config = parse_config(GOOD, "/tmp")
    closet, attic = config.nut
    assert (closet.port, closet.ups, closet.poll_s, closet.status_s) == (3493, ("rack", "desk"), 10, 2)
    assert attic.ups == () and config.must[0].poll_s == 30
    assert config.ups["rack@closet"].limits == Limits(temperature_max=45, load_max=None)
    assert config.ups["any@attic"].discharging_is_outage
    assert config.energy[0] == Tariff(0.32, "EUR", "2026-01-01", "2026-06-30")
    assert "secret" not in repr(config)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nut: [{host: x}]", "nut[1].name: is missing"),
        ("nut: [{name: a, hots: x}]", "did you mean 'host'?"),
        ("nut: [{name: a, port: 0}]", "not a port"),
        ("nut: [{name: a, poll_s: 0}]", "poll_s"),
        ("nut: [{name: a, username: x}]", "needs password"),
        ("nut: [{name: a, ups: ['my ups']}]", "not the name of a UPS"),
        ("nut: [{name: a}, {name: a, host: b}]", "used twice"),
        ("nut: [{name: a}, {name: b}]", "address"),
        ("nut: [{name: a}]\nmust: [{name: a, serial: /dev/x}]", "used twice"),
        ("must: [{name: a, serial: COM3}]", "not a device"),
        ("nut: [{name: a, ups: [rack]}]\nups: {rakc@a: {}}", "did you mean 'rack@a'?"),
        ("nut: [{name: a}]\nups: {rack@b: {}}", "no source has this UPS"),
        ("ups: {rack: {}}", "add nut: or must:"),
        (
            "must: [{name: a, serial: /dev/x}]\nups: {a: {limits: {temprature_max: 3}}}",
            "did you mean 'temperature_max'?",
        ),
        ("must: [{name: a, serial: /dev/x}]\nups: {a: {power_factor: 2}}", "power_factor"),
        ("nut: [{name: a}]\nups: {r@a: {command: [beeper.mute]}}", "did you mean 'commands'?"),
        ("nut: [{name: a}]\nups: {r@a: {commands: beeper.mute}}", "ups.r@a.commands: has to be a list"),
        (
            "nut: [{name: a}]\nups: {r@a: {commands: [test.batery.start]}}",
            "did you mean 'test.battery.start'?",
        ),
        ("nut: [{name: a}]\nups: {r@a: {commands: [outlet.2.load.of]}}", "did you mean 'outlet.n.load.off'?"),
        (
            "nut: [{name: a}]\nups: {r@a: {settings: [battery.charge.lwo]}}",
            "did you mean 'battery.charge.low'?",
        ),
        (
            "nut: [{name: a}]\nups: {r@a: {settings: [beeper.mute]}}",
            "ups.r@a.settings: 'beeper.mute' is one for commands:",
        ),
        ("nut: [{name: a}]\nups: {r@a: {commands: [battery.charge.low]}}", "is one for settings:"),
        ("nut: [{name: a}]\nups: {r@a: {commands: [load.off, load.off]}}", "'load.off' is named twice"),
        ("nut: [{name: a}]\nups: {r@a: {commands: ['load off']}}", "'load off' is no name"),
        (
            "must: [{name: a, serial: /dev/x}]\nups: {a: {commands: [beeper.mute]}}",
            "ups.a.commands: an EP20 has no beeper.mute: its commands are beeper.enable, beeper.disable",
        ),
        (
            "must: [{name: a, serial: /dev/x}]\nups: {a: {settings: [battery.voltage.low]}}",
            "ups.a.settings: an EP20 has no settings",
        ),
        (
            "energy: [{price_per_kwh: 1, currency: EUR, from: 2026-13-01}]",
            "energy[1].from: '2026-13-01' is not a date",
        ),
        ("energy: [{price_per_kwh: 1, currency: EUR, from: 2026-02-01, to: 2026-01-01}]", "is before from"),
        ("energy: [{price_per_kwh: 1, currency: EUR, valid_from: 2026-02-01}]", "unknown key 'valid_from'"),
        ("energy: [{price_per_kwh: 1, currency: EUR, hours: '7-25'}]", "no hours"),
        ("energy: [{currency: EUR}]", "price_per_kwh: is missing"),
    ],
)
def test_each_mistake_is_told_with_its_place(text, words):
    assert words in faults(text)
