"""Corrections of single variables: what counts, what stays as it is, and what a wrong entry is told."""

import pytest

from ingest.config.model import ConfigError
from ingest.ups.corrections import VariableSettings, correct, merge
from ingest.ups.measurement import measure
from ingest.ups.settings import UpsSettings
from tests.helpers.config_text import parse_config


def measured(variables, **settings):
    entries = {name.replace("_", "."): entry for name, entry in settings.items()}
    return measure(variables, UpsSettings(variables=entries))


@pytest.mark.parametrize(
    ("sent", "entry", "counts"),
    [
        ({"battery.voltage": "91.3"}, VariableSettings(scale=0.15), 13.695),
        ({"battery.voltage": "137"}, VariableSettings(scale=2 / 3), 91.333333),
        ({"battery.voltage": "829.0"}, VariableSettings(scale=0.1), 82.9),
        ({"battery.voltage": "2.27"}, VariableSettings(scale=12), 27.24),
        ({"battery.voltage": "20.2"}, VariableSettings(scale=0.66, offset=0.1), 13.432),
        ({"battery.voltage": "021,52"}, VariableSettings(offset=-0.5), 21.02),
        ({"battery.voltage": "n/a"}, VariableSettings(scale=2), None),
        ({"battery.voltage": "91.3"}, VariableSettings(ignore=True), None),
        (
            {"battery.voltage": "1", "battery.2.voltage": "13.1"},
            VariableSettings(source="battery.2.voltage"),
            13.1,
        ),
        ({"battery.voltage": "13.1"}, VariableSettings(source="battery.9.voltage"), None),
        ({"battery.1.voltage": "1310"}, VariableSettings(source="battery.1.voltage", scale=0.01), 13.1),
        ({"battery.voltage": "13.1"}, VariableSettings(label="Akku", hide=True), 13.1),
    ],
)
def test_what_counts(sent, entry, counts):
    figures = measured(sent, battery_voltage=entry).figures
    assert figures.get("battery.voltage") == counts


def test_a_correction_comes_before_the_range_and_its_oddity_names_both_texts():
    assert measured({"output.voltage": "2290.00"}, output_voltage=VariableSettings(scale=0.1)).figures == {
        "output.voltage": 229.0
    }
    odd = measured({"output.voltage": "229"}, output_voltage=VariableSettings(scale=10)).implausible
    assert odd == {"output.voltage": ("2290 (corrected, sent 229)", "outside 0 to 600 V")}


def test_what_follows_from_a_figure_follows_from_the_corrected_one():
    sent = {
        "ups.load": "50",
        "ups.realpower": "7",
        "ups.realpower.nominal": "900",
        "input.L1-N.voltage": "231",
    }
    assert measured(sent, ups_realpower=VariableSettings(ignore=True)).watts == 450
    assert measured(sent, ups_realpower=VariableSettings(scale=10)).watts == 70
    wrong = sent | {"input.voltage": "70"}
    by_phase = {"input.voltage": VariableSettings(source="input.L1-N.voltage")}
    assert measure(wrong, UpsSettings(variables=by_phase)).figures["input.voltage"] == 231


def test_the_text_stays_as_the_device_sends_it():
    sent = {"battery.voltage": "91.3", "ups.status": "OL"}
    assert correct(sent, {"battery.voltage": VariableSettings(scale=0.15)}) == sent | {
        "battery.voltage": "13.695"
    }
    assert sent["battery.voltage"] == "91.3"
    assert correct(sent, {"ups.id": VariableSettings(hide=True)}) is sent


def test_one_ups_comes_before_all():
    for_all = {
        "ups.temperature": VariableSettings(ignore=True, label="Heat"),
        "ups.id": VariableSettings(hide=True),
    }
    own = {"ups.temperature": VariableSettings(offset=-2.0), "ups.id": VariableSettings(hide=False)}
    assert merge(for_all, own) == {
        "ups.temperature": VariableSettings(offset=-2.0, label="Heat"),
        "ups.id": VariableSettings(hide=False),
    }
    kept = merge(for_all, {"ups.temperature": VariableSettings(ignore=False)})
    assert not kept["ups.temperature"].is_correction


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (VariableSettings(scale=0.15), "x 0.15"),
        (VariableSettings(offset=-0.5), "- 0.5"),
        (
            VariableSettings(source="input.L1-N.voltage", scale=2, offset=1),
            "from input.L1-N.voltage, x 2, + 1",
        ),
        (VariableSettings(ignore=True), "ignored"),
        (VariableSettings(label="x"), ""),
    ],
)
def test_a_correction_for_people(entry, words):
    assert entry.describe() == words


SITE = "nut: [{name: a, ups: [rack]}]\n"


def test_the_config_takes_them():
    config = parse_config(
        SITE
        + """
variables: {ups.id: {hide: true}, ups.temperature: {label: Heat}}
ups:
  rack@a:
    variables:
      battery.voltage: {scale: 0.15}
      ups.temperature: {ignore: true}
      input.voltage: {from: input.L1-N.voltage}
      output.frequency: {offset: -0.5}
    record: [outlet.1.realpower, "ambient.*"]
""",
        "/tmp",
    )
    found = config.variables_of("rack@a")
    assert found["input.voltage"].source == "input.L1-N.voltage"
    assert found["ups.temperature"] == VariableSettings(ignore=True, label="Heat")
    assert found["ups.id"].hide and config.variables_of("other@a") == config.variables
    assert config.ups["rack@a"].record == ("outlet.1.realpower", "ambient.*")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("battery.voltage: {scael: 1}", "did you mean 'scale'?"),
        ("battery.voltage: {scale: x}", "battery.voltage.scale: has to be a number"),
        ("battery.voltage: {scale: 0}", "use ignore: true"),
        ("battery.voltage: {scale: .nan}", "has to be a number"),
        ("battery.voltage: {scale: 2, ignore: true}", "keep one"),
        ("battery.voltage: {from: 'a b'}", "'a b' is not the name of a variable"),
        ("battery.voltage: {from: battery.voltage}", "is the variable itself"),
        ("battery.voltage: {}", "says nothing"),
        ("battery.voltage: {label: ' '}", "is empty"),
        ("'bat tery': {scale: 2}", "not the name of a variable"),
        ("load.off: {hide: true}", "is a command"),
        ("ups.status: {ignore: true}", "only label and hide"),
        ("battery.date: {scale: 2}", "only label and hide"),
        ("ups.alarm: {from: ups.status}", "only label and hide"),
    ],
)
def test_what_is_wrong_is_told_for_one_ups_and_for_all(entry, words):
    for place, text in (
        ("ups.rack@a.variables", SITE + f"ups: {{rack@a: {{variables: {{{entry}}}}}}}"),
        ("variables", SITE + f"variables: {{{entry}}}"),
    ):
        with pytest.raises(ConfigError) as caught:
            parse_config(text, "/tmp")
        assert f"config.yml: {place}." in str(caught.value) and words in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("record: ['outlet 1']", "record: 'outlet 1' is not the name of a variable"),
        ("record: outlet.1.realpower", "has to be a list"),
        (
            "limits: {ambient_temperature_min: 30, ambient_temperature_max: 20}",
            "less than ambient_temperature_max",
        ),
    ],
)
def test_series_and_limits_that_are_wrong(settings, words):
    with pytest.raises(ConfigError, match=words):
        parse_config(SITE + f"ups: {{rack@a: {{{settings}}}}}", "/tmp")


def test_what_may_be_ignored_though_it_is_a_text():
    text = SITE + "ups: {rack@a: {variables: {battery.date: {ignore: true}}}}"
    assert parse_config(text, "/tmp").variables_of("rack@a")["battery.date"].ignore
