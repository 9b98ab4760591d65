"""Which rule sends an event to which target, and the rules as sentences."""

from dataclasses import replace

import pytest

from ingest.config.alerts import AlertRule, Alerts, AlertTarget
from outbound.alerts.kinds import KNOWN_EVENTS
from outbound.alerts.rules import RuleChoice, choose_rule, rule_names, rule_sentences
from tests.outbound.alerts.alert_events import make_event

TARGETS = (AlertTarget("phone", url="ntfy://x"), AlertTarget("mail", mail=("o@example.org",)))
RULES = (
    AlertRule(("ONBATT",), ("phone",), after_s=20),
    AlertRule(("ONBATT", "LOWBATT"), ("phone", "mail"), name="all-power"),
    AlertRule(("NODE_SILENT",), ("mail",), nodes=("main/4",), digest="08:00"),
    AlertRule(("NODE_SILENT", "OVER"), ("mail",), ups=("office@closet",)),
    AlertRule(("GATEWAY_LOST",), ("mail",), ups=("office@closet",), nodes=("main/9",)),
)
WITH_RULES = Alerts(TARGETS, RULES)
ALL = RuleChoice("all-power", 0.0)
CASES = [
    # event, subject, name, target -> what is chosen
    ("ONBATT", "ups", None, "phone", RuleChoice("rule 1", 20.0)),
    ("ONBATT", "ups", None, "mail", ALL),
    ("LOWBATT", "ups", None, "phone", ALL),
    ("LOWBATT", "ups", None, "sms", None),
    ("COMMBAD", "ups", None, "phone", None),
    ("NODE_SILENT", "node", None, "mail", RuleChoice("rule 3", 0.0, "08:00")),
    ("NODE_SILENT", "node", "main/40", "mail", RuleChoice("rule 4", 0.0)),
    ("NODE_SILENT", "node", None, "phone", None),
    ("OVER", "ups", None, "mail", None),
    ("OVER", "ups", "office@closet", "mail", RuleChoice("rule 4", 0.0)),
    ("OVER", "ups", "office@closet2", "mail", None),
    ("GATEWAY_LOST", "gateway", None, "mail", RuleChoice("rule 5", 0.0)),
]


@pytest.mark.parametrize(("event", "subject", "name", "target", "expected"), CASES)
def test_a_target_takes_the_first_rule_that_names_both(event, subject, name, target, expected):
    made = make_event(event, subject)
    if name:
        made = replace(made, name=name)
    assert choose_rule(WITH_RULES, made, target) == expected


def test_an_event_from_memory_is_filtered_by_what_it_is_about():
    rehearsed = replace(make_event("OVER"), id=None, ups=None)
    assert choose_rule(WITH_RULES, rehearsed, "mail") is None


def test_without_rules_the_defaults_go_to_every_target():
    alerts = Alerts(TARGETS)
    for event, kind in KNOWN_EVENTS.items():
        for target in ("phone", "mail"):
            chosen = choose_rule(alerts, make_event(event), target)
            assert (chosen is not None) == kind.in_defaults, event
            assert chosen is None or chosen == RuleChoice("defaults", kind.default_after_s)


def test_routine_is_not_sent_by_default():
    routine = {event for event, kind in KNOWN_EVENTS.items() if not kind.in_defaults}
    assert routine == {
        "TEST",
        "CAL",
        "TRIM",
        "BOOST",
        "INPUT_SOURCE",
        "NODE_BACK",
        "CLOCK_STEP",
        "SCHEDULED_COMMAND",
    }


def test_rules_as_sentences():
    assert rule_sentences(WITH_RULES) == [
        "On battery for 20 s or more goes to phone at once.",
        "On battery or UPS battery low goes to phone and mail at once.",
        "Node silent (only main/4) goes to mail in a digest at 08:00.",
        "Node silent or overloaded (only office@closet) goes to mail at once.",
        "No contact to a gateway (only office@closet and main/9) goes to mail at once.",
    ]
    assert rule_names(WITH_RULES) == ["rule 1", "all-power", "rule 3", "rule 4", "rule 5"]


def test_the_defaults_as_a_sentence():
    (sentence,) = rule_sentences(Alerts(TARGETS))
    assert sentence.startswith("Everything but self-test, ") and sentence.endswith(
        "goes to phone and mail at once."
    )
    assert rule_names(Alerts(TARGETS)) == ["defaults"]
