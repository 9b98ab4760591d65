"""`voltkeeper check`: targets, rules and quiet hours of alerts, and the mail server."""

import asyncio
import time
from collections.abc import Iterator
from typing import NamedTuple

from ingest.config.alerts import Alerts, AlertTarget, OutsideHeartbeat
from ingest.config.model import Config
from ingest.db.durations import format_duration
from outbound.alerts.messages import test_message
from outbound.alerts.rules import rule_sentences
from outbound.alerts.site import alert_site
from outbound.heartbeat import read_outcome, send_heartbeat
from outbound.senders import SendError
from outbound.senders.address import target_address, url_address
from outbound.senders.mail import check_server
from outbound.senders.make import make_sender
from outbound.senders.programs import program_problem
from voltkeeper.check.sources import Finding

SEND_S = 90.0  # for a test to one target; a slow service has its own limits below it


class AlertFinding(NamedTuple):
    """A line about alerts."""

    what: str
    finding: Finding


def alert_findings(config: Config, send: bool) -> Iterator[AlertFinding]:
    """Whether each target can be sent to and, with `send`, what it answered to a test; then the rules."""
    if config.mail is not None:
        yield AlertFinding(f"mail {config.mail.host}:{config.mail.port}", _mail_server(config))
    alerts = config.alerts
    if alerts is not None and alerts.heartbeat is not None:
        yield AlertFinding(
            f"heartbeat to {url_address(alerts.heartbeat.url)}", _heartbeat(config, alerts.heartbeat, send)
        )
    if alerts is None or not alerts.targets:
        return
    targets = alerts.targets
    findings = (
        asyncio.run(_send_tests(config, targets)) if send else [_target(config, one) for one in targets]
    )
    for target, finding in zip(targets, findings, strict=True):
        what = f"target {target.name} ({target_address(target, config.mail)})"
        yield AlertFinding(what, finding._replace(message=finding.message + _unnamed(alerts, target)))
    for sentence in rule_sentences(alerts):
        yield AlertFinding("alerts", Finding(True, sentence))
    if alerts.quiet:
        quiet = alerts.quiet
        exempt = "what is critical is sent" if quiet.exempt == "critical" else "nothing is sent"
        yield AlertFinding(
            "quiet hours",
            Finding(
                True,
                f"{quiet.begin} to {quiet.end} ({config.timezone}): {exempt}, the rest comes at their end",
            ),
        )


def _unnamed(alerts: Alerts, target: AlertTarget) -> str:
    """That no rule names a target, where that is so: it is easily forgotten."""
    is_named = not alerts.rules or any(target.name in rule.to for rule in alerts.rules)
    return "" if is_named else "; no rule names it, so that it gets no events"


def _mail_server(config: Config) -> Finding:
    assert config.mail is not None
    try:
        return Finding(True, check_server(config.mail))
    except SendError as error:
        return Finding(False, error.reason)


def _heartbeat(config: Config, heartbeat: OutsideHeartbeat, send: bool) -> Finding:
    """How the last one went, or with `send` one that is sent now."""
    if send:
        fault = send_heartbeat(heartbeat.url)
        return Finding(not fault, fault or "one was sent and taken")
    outcome, every = read_outcome(config.database), f"every {format_duration(heartbeat.every_s)}"
    if outcome is None:
        return Finding(True, f"{every} while `voltkeeper outbound` runs; `voltkeeper check --send` sends one")
    return Finding(outcome.is_right, f"{every}, {outcome.result()}")


def _target(config: Config, target: AlertTarget) -> Finding:
    """Whether a target is understood; nothing is sent."""
    try:
        make_sender(target, config.mail)
    except SendError as error:
        return Finding(False, error.reason)
    if target.command:
        problem = program_problem(target.command[0])
        return Finding(not problem, problem or "the program is there; `check --send` runs it")
    return Finding(True, "is understood; `voltkeeper check --send` sends a test")


async def _send_tests(config: Config, targets: tuple[AlertTarget, ...]) -> list[Finding]:
    """What each target answered to a test; all are asked at once."""
    return list(await asyncio.gather(*(_send_test(config, target) for target in targets)))


async def _send_test(config: Config, target: AlertTarget) -> Finding:
    message = test_message(target.name, time.time(), alert_site(config))
    try:
        async with asyncio.timeout(SEND_S):
            answer = await make_sender(target, config.mail).send(message)
    except SendError as error:
        return Finding(False, f"the test was not sent: {error.reason}")
    except TimeoutError:
        return Finding(False, f"no answer within {SEND_S:g} s")
    return Finding(True, f"a test was sent; the answer: {answer}")
