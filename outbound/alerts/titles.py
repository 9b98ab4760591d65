"""Titles of messages: what they are about and what happened, both within what a lock screen shows. Pure."""

from collections.abc import Sequence

from ingest.schema.events import OF_THE_HOST
from outbound.alerts.clean import clean_line, clean_name, cut
from outbound.alerts.figures import about, listed
from outbound.alerts.kinds import event_kind
from outbound.alerts.model import AlertEvent, DeliveryKind
from outbound.alerts.phrases import (
    DETAIL,
    begin_phrase,
    detail_of,
    end_phrase,
    outage_summary,
    runtime_left,
    seconds_of,
)

TITLE = 120  # characters of a title at most
SHOWN = 60  # of them on a lock screen
NAME = 28  # of a name at least, where it is longer than what is left beside the words
PHRASE = 30  # a longer phrase says what matters in its first words
OF_SEVERAL = 20  # of each name in a title with several
BACK = "Power is back: "
OWN_NAMES = frozenset(name for _, name in OF_THE_HOST.values())  # all others are as people gave them


def subject(event: AlertEvent, longest: int) -> str:
    """What the event is about, for people: its label, else its name; a gateway is called one."""
    name = event.label or event.name
    if event.subject_kind == "gateway" and name and not name.lower().startswith("gateway"):
        name = f"Gateway {name}"
    return clean_name(name, longest) or event_kind(event.event).event


def begin_title(event: AlertEvent, now: float) -> str:
    """`Rack: on battery, 23 min left`; `now` in unix seconds is when it is said."""
    return cut(_begun(event, now), TITLE)


def repeat_title(event: AlertEvent, now: float) -> str:
    """`Rack: on battery, 4 min left, for 1 h now`."""
    return cut(f"{_begun(event, now)}, for {about(seconds_of(event, now))} now", TITLE)


def _begun(event: AlertEvent, now: float) -> str:
    """What has begun; a long name within a threshold's detail leaves room for the value behind it."""
    name, detail = clean_line(event.label or event.name, DETAIL), detail_of(event, DETAIL)
    if event.event != "VALUE" or not name or name not in detail:
        return _titled(event, begin_phrase(event, now))
    room = max(OF_SEVERAL, SHOWN - len(detail) + len(name))
    return detail.replace(name, clean_name(name, room), 1)


def end_title(event: AlertEvent) -> str:
    """`Power is back: Rack, 14 min, 62 Wh`, `Greenhouse: heard again after 3 h`."""
    if event.event == "ONBATT":
        summary = outage_summary(event)
        room = SHOWN - len(BACK) - len(summary.partition(",")[0]) - 2
        return cut(f"{BACK}{listed([subject(event, max(NAME, room)), summary])}", TITLE)
    if event.event == "VALUE":  # its detail begins with the name of the threshold
        threshold = clean_line(event.detail.partition(":")[0], NAME)
        return _titled(event, listed([threshold, end_phrase(event)]))
    return _titled(event, end_phrase(event))


def group_title(events: Sequence[AlertEvent], kind: DeliveryKind, now: float) -> str:
    """`2 UPSes on battery, 5 min left: Rack, Office`: the time is that of the UPS which has the least."""
    names = listed(subject(event, OF_SEVERAL) for event in events)
    if kind is DeliveryKind.END:
        whole = about(_whole_length(events, now))
        return cut(f"{BACK}{len(events)} UPSes, {whole}: {names}", TITLE)
    known = [left for event in events if (left := runtime_left(event, now)) is not None]
    least = f"{about(min(known))} left" if known else ""
    return cut(f"{listed([f'{len(events)} UPSes on battery', least])}: {names}", TITLE)


def _whole_length(events: Sequence[AlertEvent], now: float) -> float:
    """From the first begin to the last end, in seconds."""
    ends = [now if event.ended_at is None else event.ended_at for event in events]
    return max(0.0, max(ends) - min(event.started_at for event in events))


def _titled(event: AlertEvent, phrase: str) -> str:
    """`name: phrase`, of which the name is cut to what the words leave."""
    words = phrase if len(phrase) <= PHRASE else event_kind(event.event).words
    name = subject(event, max(NAME, SHOWN - 2 - min(len(words), PHRASE)))
    title = f"{name}: {phrase}"
    if event.label in OWN_NAMES and event.subject_kind not in ("UPS", "node", "gateway"):
        title = f"{title[:1].upper()}{title[1:]}"
    return cut(title, TITLE)
