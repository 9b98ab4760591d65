"""The messages of alerts: of one event, of several UPSes at once, digests, tests. Pure.

A title begins with what it is about and what happened: a lock screen shows about 60 characters. A text says
what, where, since when and what it means; its last line is the one link.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from ingest.severity import RANK, Severity
from outbound.alerts.clean import clean_line, clean_name, cut
from outbound.alerts.figures import about
from outbound.alerts.kinds import event_kind
from outbound.alerts.model import AlertEvent, AlertMessage, DeliveryKind
from outbound.alerts.phrases import (
    DETAIL,
    begin_phrase,
    detail_of,
    end_phrase,
    meaning,
    outage_summary,
    seconds_of,
)
from outbound.alerts.titles import NAME, TITLE, begin_title, end_title, group_title, repeat_title

ENTRIES = 50  # of a digest; a count stands for the others
REHEARSAL = "REHEARSAL"


@dataclass(frozen=True)
class AlertSite:
    """The site that messages are about. `base_url` begins its links, '' leaves them out."""

    base_url: str = ""
    timezone: str = "UTC"
    title: str = "Voltkeeper"


class DigestReason(StrEnum):
    """Why messages come together."""

    STORM = "storm"
    QUIET = "quiet"
    RULE = "rule"
    AWAY = "away"


@dataclass(frozen=True)
class DigestEntry:
    """A message that a digest carries: when it was made (unix seconds), its title, how serious it is.

    `event` is `events.id`: what has ended within the digest is not said as if it went on.
    """

    at: float
    title: str
    severity: Severity
    kind: DeliveryKind = DeliveryKind.BEGIN
    event: int | None = None


def begin_message(event: AlertEvent, now: float, site: AlertSite) -> AlertMessage:
    """The message of an event that has begun; `now` in unix seconds is when it is made."""
    lines = _begin_lines(event, now, site)
    return _message(event, DeliveryKind.BEGIN, begin_title(event, now), lines, site)


def repeat_message(event: AlertEvent, now: float, site: AlertSite, number: int) -> AlertMessage:
    """The message of a critical event that goes on; `number` counts the repeats from 1."""
    lines = [
        *_begin_lines(event, now, site),
        f"Reminder {number}: sent again until it ends or is acknowledged.",
    ]
    return _message(event, DeliveryKind.REPEAT, repeat_title(event, now), lines, site)


def end_message(event: AlertEvent, now: float, site: AlertSite) -> AlertMessage:
    """The message of an event that has ended."""
    ended_at = now if event.ended_at is None else event.ended_at
    lines = [
        f"{_whom(event)}: {end_phrase(event)}.",
        f"From {local_time(event.started_at, site)} to {local_time(ended_at, site)}, "
        f"{about(seconds_of(event, ended_at))}.",
        *_detail_line(event, now),
        *(_outage_lines(event) if event.event == "ONBATT" else ()),
    ]
    return _message(event, DeliveryKind.END, end_title(event), lines, site)


def group_message(
    events: Sequence[AlertEvent], kind: DeliveryKind, now: float, site: AlertSite
) -> AlertMessage:
    """One message of the overlapping outages of several UPSes: of their begin, their end, or a repeat."""
    if len(events) == 1:
        return _single(events[0], kind, now, site)
    first = min(events, key=lambda event: event.started_at)
    lines = [_group_line(event, kind, now, site) for event in events]
    message = _message(first, kind, group_title(events, kind, now), lines, site, href="/outages")
    worst = min((event.severity for event in events), key=RANK.__getitem__)
    return replace(message, severity=worst, name=", ".join(event.name for event in events))


def digest_message(
    entries: Sequence[DigestEntry], why: DigestReason, now: float, site: AlertSite
) -> AlertMessage:
    """One message for several; the worst one stands in its title, where it has ended that it has."""
    ended = {entry.event for entry in entries if entry.kind is DeliveryKind.END} - {None}
    last = [entry for entry in entries if entry.kind is DeliveryKind.END or entry.event not in ended]
    worst = min(last, key=lambda entry: (RANK[entry.severity], entry.kind is DeliveryKind.END, entry.at))
    begin, end = min(entry.at for entry in entries), max(entry.at for entry in entries)
    reasons = {
        DigestReason.STORM: f"{len(entries)} messages came within {about(end - begin)}, so they come as one.",
        DigestReason.QUIET: "These messages were held during the quiet hours.",
        DigestReason.RULE: "These messages were collected for this time.",
        DigestReason.AWAY: "These messages could not be sent when they were due.",
    }
    shown = sorted(entries, key=lambda entry: entry.at)
    if len(shown) > ENTRIES:
        shown = shown[:ENTRIES]
    lines = [
        reasons[why],
        *(f"{local_time(entry.at, site, now)}  {cut(entry.title, TITLE)}" for entry in shown),
    ]
    if len(entries) > len(shown):
        lines.append(f"and {len(entries) - len(shown)} more")
    count = "1 message" if len(entries) == 1 else f"{len(entries)} messages"
    return AlertMessage(
        title=cut(f"{count}: {worst.title}", TITLE),
        text=_joined(lines, "/events", site),
        severity=worst.severity,
        kind=DeliveryKind.DIGEST,
    )


def test_message(target: str, now: float, site: AlertSite) -> AlertMessage:
    """A message that shows that a target works."""
    lines = [
        f"This is a test from {clean_line(site.title, 60)} to the target {clean_line(target, 60)}, sent at "
        f"{local_time(now, site)}.",
        "Alerts reach you this way.",
    ]
    return AlertMessage(
        title=cut(f"Test of {clean_line(target, NAME)}: alerts reach you", TITLE),
        text=_joined(lines, "/", site),
        severity=Severity.OK,
        kind=DeliveryKind.TEST,
    )


def mark_rehearsal(message: AlertMessage) -> AlertMessage:
    """The same message, marked as one of which nothing has happened."""
    return replace(
        message,
        title=cut(f"{REHEARSAL} {message.title}", TITLE),
        text=f"{REHEARSAL}: nothing of this has happened.\n{message.text}",
        kind=DeliveryKind.REHEARSAL,
    )


def mark_uncertain(message: AlertMessage, number: int) -> AlertMessage:
    """The same message, which may have arrived before: its title names `number`, the id of the delivery."""
    mark = f" (#{number}, may be the second time)"
    return replace(message, title=f"{cut(message.title, TITLE - len(mark))}{mark}")


def local_time(at: float, site: AlertSite, now: float | None = None) -> str:
    """A time by the site's clock: `30 Nov 2026 14:03:20`; of the day of `now`, where given, `14:03:20`."""
    local = datetime.fromtimestamp(at, ZoneInfo(site.timezone))
    if now is not None and datetime.fromtimestamp(now, local.tzinfo).date() == local.date():
        return f"{local:%H:%M:%S}"
    return f"{local:%-d %b %Y %H:%M:%S}"


def _single(event: AlertEvent, kind: DeliveryKind, now: float, site: AlertSite) -> AlertMessage:
    if kind is DeliveryKind.END:
        return end_message(event, now, site)
    return begin_message(event, now, site)


def _begin_lines(event: AlertEvent, now: float, site: AlertSite) -> list[str]:
    lasting = seconds_of(event, now)
    since = f"Since {local_time(event.started_at, site)}"
    if event_kind(event.event).sends_end:
        since = f"{since}, for {about(lasting)}." if lasting >= 1 else f"{since}."
    else:
        since = f"At {local_time(event.started_at, site)}."
    return [
        _sentence(f"{_whom(event)}: {begin_phrase(event, now)}"),
        since,
        *_detail_line(event, now),
        *filter(None, [meaning(event, now)]),
    ]


def _whom(event: AlertEvent) -> str:
    """Label and name, where these differ: `Rack (rack@closet)`."""
    label, name = clean_name(event.label, 80), clean_name(event.name, 80)
    return f"{label} ({name})" if label and name and label != name else label or name


def _detail_line(event: AlertEvent, now: float) -> list[str]:
    detail = detail_of(event, DETAIL)
    sentence = _sentence(f"{detail[:1].upper()}{detail[1:]}")
    return [sentence] if detail and detail not in begin_phrase(event, now) else []


def _sentence(text: str) -> str:
    """The text with a full stop, unless it has an end of its own."""
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."


def _outage_lines(event: AlertEvent) -> list[str]:
    return [f"In all {outage_summary(event)}."]


def _group_line(event: AlertEvent, kind: DeliveryKind, now: float, site: AlertSite) -> str:
    if kind is DeliveryKind.END:
        return f"{_whom(event)}: {outage_summary(event)}, since {local_time(event.started_at, site)}."
    return f"{_whom(event)}: {begin_phrase(event, now)}, since {local_time(event.started_at, site)}."


def _message(
    event: AlertEvent,
    kind: DeliveryKind,
    title: str,
    lines: Sequence[str],
    site: AlertSite,
    href: str = "",
) -> AlertMessage:
    return AlertMessage(
        title=title,
        text=_joined(lines, href or event.href, site),
        severity=event.severity,
        kind=kind,
        event=event.event,
        name=event.name,
    )


def _joined(lines: Sequence[str], href: str, site: AlertSite) -> str:
    """The lines, and the link as the last one."""
    link = [f"{site.base_url.rstrip('/')}{href or '/'}"] if site.base_url else []
    return "\n".join([*lines, *link])
