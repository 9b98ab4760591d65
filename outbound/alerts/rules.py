"""Which rule sends an event to a target, and the rules as sentences. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from ingest.config.alerts import AlertRule, Alerts
from ingest.db.durations import format_duration
from outbound.alerts.kinds import KNOWN_EVENTS, event_kind, words_alone
from outbound.alerts.model import AlertEvent

DEFAULTS = "defaults"  # stands for the rule where there are no rules


@dataclass(frozen=True)
class RuleChoice:
    """How an event goes to one target.

    `rule` is the rule's name, or its number as `rule 2`; an event that ends before `after_s` seconds is not
    sent; `digest` is the local time of day that it waits for, '' for none.
    """

    rule: str
    after_s: float
    digest: str = ""


def choose_rule(alerts: Alerts, event: AlertEvent, target: str) -> RuleChoice | None:
    """The first rule that names event and target; None where it is not sent to the target."""
    kind = event_kind(event.event)
    if not alerts.rules:
        return RuleChoice(DEFAULTS, kind.default_after_s) if kind.in_defaults else None
    for number, rule in enumerate(alerts.rules, 1):
        if target in rule.to and event.event in rule.events and _is_about(rule, event):
            after_s = kind.default_after_s if rule.after_s is None else rule.after_s
            return RuleChoice(rule_name(rule, number), after_s, rule.digest)
    return None


def _is_about(rule: AlertRule, event: AlertEvent) -> bool:
    """Whether the rule's `ups` or `nodes` leave the event in; each leaves out only others of its kind."""
    if event.ups is not None or event.subject_kind == "UPS":
        return not rule.ups or event.name in rule.ups
    if event.node is not None or event.subject_kind == "node":
        return not rule.nodes or event.name in rule.nodes
    return True


def rule_name(rule: AlertRule, number: int) -> str:
    """What a rule is called: its name, or `rule 2`, counted from 1."""
    return rule.name or f"rule {number}"


def rule_names(alerts: Alerts) -> list[str]:
    """The names of all rules, in their order; `defaults` where there are none."""
    names = [rule_name(rule, number) for number, rule in enumerate(alerts.rules, 1)]
    return names or [DEFAULTS]


def rule_sentences(alerts: Alerts) -> list[str]:
    """Each rule as a sentence, in the order of `rule_names`."""
    if not alerts.rules:
        return [f"Everything but {_join(_routine_words(), 'and')} goes to {_everyone(alerts)} at once."]
    return [describe_rule(rule) for rule in alerts.rules]


def describe_rule(rule: AlertRule) -> str:
    """A rule as a sentence: `On battery for 20 s or more goes to phone at once.`"""
    whose = [*rule.ups, *rule.nodes]
    only = f" (only {_join(whose, 'and')})" if whose else ""
    least = f" for {format_duration(rule.after_s)} or more" if rule.after_s else ""
    when = f"in a digest at {rule.digest}" if rule.digest else "at once"
    words = _join(list(dict.fromkeys(map(words_alone, rule.events))), "or")
    sentence = f"{words}{least}{only} goes to {_join(rule.to, 'and')} {when}."
    return sentence[:1].upper() + sentence[1:]


def _routine_words() -> list[str]:
    return [words_alone(event) for event, kind in KNOWN_EVENTS.items() if not kind.in_defaults]


def _everyone(alerts: Alerts) -> str:
    return _join([target.name for target in alerts.targets], "and") or "no target"


def _join(words: Iterable[str], last: str) -> str:
    listed = list(words)
    return f" {last} ".join(filter(None, (", ".join(listed[:-1]), *listed[-1:])))
