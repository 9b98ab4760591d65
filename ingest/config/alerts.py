"""The section `alerts:` of config.yml: which events are sent to which targets, and when."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from ingest.config.checks import TIME_OF_DAY, Problems, check_name, check_that, check_unique, time_problem
from ingest.config.loader import keyed, secret
from ingest.config.mail import check_address
from ingest.event_names import EVENT_NAMES, PART_OF
from ingest.nearest import nearest

NODE = re.compile(r"[a-z0-9_-]+/\d{1,3}")
LINK = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
INSTALL = ".venv/bin/pip install 'apprise>=2.0'"  # the extra `alerts`
COMMAND_S = 60.0  # a target's program is ended after this many seconds


@dataclass(frozen=True)
class AlertTarget:
    """Where alerts go: an Apprise URL, mail addresses, or a program with its arguments."""

    name: str
    url: str | None = secret(default=None)
    mail: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    def check(self) -> Problems:
        """Yield what is wrong: exactly one of the three, in a form that can be used."""
        yield from check_name(self.name)
        kinds = [kind for kind in ("url", "mail", "command") if getattr(self, kind)]
        yield from check_that(
            len(kinds) == 1,
            "",
            f"a target has one of url, mail and command; this has {' and '.join(kinds) or 'none'}",
        )
        for address in self.mail:
            yield from check_address("mail", address)


@dataclass(frozen=True)
class AlertRule:
    """Which events go to which targets.

    `ups` and `nodes` (GATEWAY/NODE_ID) leave out all others of their kind. An event shorter than `after_s`
    is not sent; with `digest`, a local time of day, it waits for that time.
    """

    events: tuple[str, ...]
    to: tuple[str, ...]
    name: str = ""
    ups: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    after_s: float | None = None
    digest: str = ""

    def check(self) -> Problems:
        """Yield what is wrong with single values; names of events and targets are checked with the rest."""
        yield from check_that(bool(self.events), "events", "names none")
        for event in self.events:
            yield from check_that(event in EVENT_NAMES, "events", unknown_event(event))
        yield from check_that(bool(self.to), "to", "names no target")
        for node in self.nodes:
            yield from check_that(
                bool(NODE.fullmatch(node)), "nodes", f"{node!r} is not GATEWAY/NODE_ID, such as main/4"
            )
        if self.name:
            yield from check_name(self.name)
        if self.after_s is not None:
            yield from check_that(0 <= self.after_s <= 86_400, "after_s", "has to be 0 to 86400 seconds")
        yield from check_time_of_day("digest", self.digest)


@dataclass(frozen=True)
class QuietHours:
    """Local hours in which nothing is sent: what was held goes as one digest at their end."""

    begin: str = keyed("from")
    end: str = keyed("to")
    exempt: Literal["critical", "none"] = keyed("except", default="critical")

    def check(self) -> Problems:
        """Yield what is wrong: two times of day that differ."""
        yield from check_time_of_day("from", self.begin)
        yield from check_time_of_day("to", self.end)
        yield from check_that(self.begin != self.end, "to", "is the same time as from: no hour is quiet")


@dataclass(frozen=True)
class OutsideHeartbeat:
    """An address of a watchdog elsewhere, asked every `every_s` while all is well here."""

    url: str = secret()
    every_s: float = 300.0

    def check(self) -> Problems:
        """Yield what is wrong: the address or the interval."""
        is_http = self.url.startswith(("http://", "https://"))
        yield from check_that(is_http, "url", "has to begin with https:// or http://")
        yield from check_that(10 <= self.every_s <= 86_400, "every_s", "has to be 10 to 86400 seconds")


@dataclass(frozen=True)
class Alerts:
    """Targets, and the rules by which they get events; without rules, the defaults go to every target.

    `link` begins the links in messages: the address by which people open the site; '' takes that of `web:`.
    """

    targets: tuple[AlertTarget, ...] = ()
    rules: tuple[AlertRule, ...] = ()
    quiet: QuietHours | None = None
    repeat_s: float = 3600.0
    heartbeat: OutsideHeartbeat | None = None
    link: str = ""

    def check(self) -> Problems:
        """Yield what is wrong: names that are used twice, targets of rules that do not exist."""
        yield from check_unique([target.name for target in self.targets], "targets")
        yield from check_unique([rule.name for rule in self.rules if rule.name], "rules")
        yield from check_that(
            find_spec("apprise") is not None or not any(target.url for target in self.targets),
            "targets",
            f"a target has a url, for which Apprise is needed, and it is not installed: {INSTALL}",
        )
        names = [target.name for target in self.targets]
        for number, rule in enumerate(self.rules, 1):
            yield from check_targets(f"rules[{number}].to", rule.to, names)
        yield from check_that(
            self.repeat_s == 0 or 60 <= self.repeat_s <= 604_800,
            "repeat_s",
            "has to be 60 to 604800 seconds, or 0 for no repetition",
        )
        yield from check_that(
            not self.link or bool(LINK.fullmatch(self.link)),
            "link",
            f"{self.link!r} is not the address of a site, such as https://volt.example.org",
        )


def unknown_event(name: str) -> str:
    """What is wrong with the name of an event, with the nearest right one."""
    if name in PART_OF:
        return f"{name!r} is a part of {PART_OF[name]}: name that, its begin and its end are sent"
    return f"there is no event {name!r}: {nearest(name, EVENT_NAMES)}"


def check_targets(where: str, wanted: Sequence[str], names: Sequence[str]) -> Problems:
    """Every wanted name is that of a target."""
    for name in wanted:
        yield from check_that(
            name in names,
            where,
            f"there is no target {name!r}: {nearest(name, names)}"
            if names
            else f"there is no target {name!r}: alerts: {{targets: [...]}} has none",
        )


def check_time_of_day(key: str, text: str) -> Problems:
    """A time of day, or nothing."""
    return check_that(not text or bool(TIME_OF_DAY.fullmatch(text)), key, time_problem(text))
