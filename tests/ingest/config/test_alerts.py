"""The section `alerts:`: every mistake names what was probably meant."""

import sys

import pytest

from ingest.config.loader import ConfigError
from tests.helpers.config_text import parse_config

BASE = """
gateways: [{name: main, tcp: 'h:1'}]
nut: [{name: closet, ups: [rack]}]
"""
TARGETS = "targets: [{name: phone, url: 'ntfy://x'}]"
MISTAKES = [
    (
        "rules: [{events: [ONBAT], to: [phone]}]",
        "rules[1].events: there is no event 'ONBAT': did you mean 'ONBATT'?",
    ),
    ("rules: [{events: [onbatt], to: [phone]}]", "there is no event 'onbatt': did you mean 'ONBATT'?"),
    ("rules: [{events: [XYZ], to: [phone]}]", "there is no event 'XYZ': known here: VALUE, ONBATT"),
    (
        "rules: [{events: [ONLINE], to: [phone]}]",
        "'ONLINE' is a part of ONBATT: name that, its begin and its end",
    ),
    ("rules: [{events: [NOCOMM], to: [phone]}]", "'NOCOMM' is a part of COMMBAD"),
    (
        "rules: [{events: [FSD], to: [phnoe]}]",
        "rules[1].to: there is no target 'phnoe': did you mean 'phone'?",
    ),
    ("rules: [{events: [FSD], to: [phone], nodes: [4]}]", "'4' is not GATEWAY/NODE_ID, such as main/4"),
    ("rules: [{events: [FSD], to: [phone], nodes: [mian/4]}]", "no gateway 'mian': did you mean 'main'?"),
    (
        "rules: [{events: [FSD], to: [phone], ups: [rak@closet]}]",
        "'rak@closet': no source has this UPS: did you mean 'rack@closet'?",
    ),
    (
        "rules: [{events: [FSD], to: [phone], digest: 8:00}]",
        """'480' is not a time of day: write it in quotes, such as "08:00\"""",
    ),
    ("rules: [{events: [FSD], to: [phone], digest: '24:00'}]", """such as "00:00\""""),
    (
        "rules: [{events: [FSD], to: [phone], digest: noon}]",
        """'noon' is not a time of day: write it in quotes, such as "03:00\"""",
    ),
    (
        "quiet: {from: 22:00, to: '07:00'}",
        """quiet.from: '1320' is not a time of day: write it in quotes, such as "22:00\"""",
    ),
    ("quiet: {from: '22:00', to: '7.30'}", """such as "07:30\""""),
    ("quiet: {from: '22:00', to: '22:00'}", "quiet.to: is the same time as from"),
    ("quiet: {from: '22:00', to: '07:00', except: critcal}", "quiet.except: 'critcal'"),
    (
        "link: volt.example.org",
        "'volt.example.org' is not the address of a site, such as https://volt.example.org",
    ),
    ("link: 'https://user:pw@volt.example.org'", "is not the address of a site"),
]


@pytest.mark.parametrize(("text", "words"), MISTAKES, ids=[words[:60] for _, words in MISTAKES])
def test_a_mistake_in_alerts_names_the_nearest_right_one(text, words, tmp_path):
    with pytest.raises(ConfigError) as caught:
        parse_config(f"{BASE}alerts: {{{TARGETS}, {text}}}", tmp_path)
    assert words in str(caught.value)


def test_alerts_that_are_right(tmp_path):
    rule = "events: [ONBATT, VALUE], to: [phone], nodes: [main/4], ups: [rack@closet], digest: '08:00'"
    rules = f"rules: [{{{rule}}}]"
    config = parse_config(
        f"{BASE}alerts: {{{TARGETS}, {rules}, link: 'http://10.0.0.2:8001/volt'}}", tmp_path
    )
    assert config.alerts.rules[0].nodes == ("main/4",)


def test_a_target_that_needs_apprise_names_the_line_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)  # what an installation without the extra finds
    with pytest.raises(ConfigError, match=r"alerts.targets: .* \.venv/bin/pip install 'apprise>=2.0'"):
        parse_config(f"{BASE}alerts: {{{TARGETS}}}", tmp_path)
    others = "targets: [{name: lab, command: [/bin/true]}]"
    assert parse_config(f"{BASE}alerts: {{{others}}}", tmp_path).alerts.targets[0].name == "lab"


def test_apprise_is_looked_for_and_not_imported(tmp_path):
    loaded = "apprise" in sys.modules
    parse_config(f"{BASE}alerts: {{{TARGETS}}}", tmp_path)
    assert ("apprise" in sys.modules) == loaded
