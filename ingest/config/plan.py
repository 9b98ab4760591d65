"""The section `plan:` of config.yml: what is done in an outage, step by step, and when mains are back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from ingest.config.checks import Problems, check_name, check_that, check_unique, nearest_choice
from ingest.config.loader import secret
from ingest.mysensors.channel_controls import parse_value
from ingest.mysensors.protocol import LineError, SetReq
from ingest.nearest import nearest
from ingest.ups.commands import command_risk

KINDS = ("run", "webhook", "node", "command", "wake")
DAY_S = 86_400.0
SENSOR = re.compile(r"[a-z0-9_-]+/\d{1,3}/\d{1,3}")
MAC = re.compile(r"[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}|[0-9A-Fa-f]{10})")
LAST_ID = 254  # of a node, and of a child
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True, repr=False)
class WebhookSettings:
    """A request to another program. Without `body` it takes the step as JSON."""

    PLAIN = "url"

    url: str = secret()
    method: Literal["POST", "PUT", "GET"] = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None

    def check(self) -> Problems:
        """Yield what is wrong: the address, a header that is none, a body that is never sent."""
        is_http = bool(re.match(r"https?://[^\s/?#]+", self.url)) and not re.search(r"\s", self.url)
        yield from check_that(is_http, "url", "has to be an address that begins with https:// or http://")
        ascii_only = "has letters that an address cannot have: write them as %C3%A9, a name as xn--..."
        yield from check_that(self.url.isascii(), "url", ascii_only)
        yield from check_that(_has_right_port(self.url), "url", "has a port that is not 1 to 65535")
        for name, value in self.headers.items():
            is_right = bool(HEADER.fullmatch(name)) and value.isprintable() and value.isascii()
            yield from check_that(is_right, "headers", f"{name!r} is no header of one line of ASCII letters")
        yield from check_that(self.method != "GET" or self.body is None, "body", "a GET has none")


def _has_right_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


@dataclass(frozen=True)
class NodeStep:
    """A value for a sensor of a node: `node` is GATEWAY/NODE_ID/CHILD_ID, `type` a V_ type."""

    node: str
    type: str
    value: str

    def check(self) -> Problems:
        """Yield what is wrong: the form of the sensor, a type that there is not."""
        yield from check_that(
            bool(SENSOR.fullmatch(self.node))
            and all(int(number) <= LAST_ID for number in self.node.split("/")[1:]),
            "node",
            f"{self.node!r} is not GATEWAY/NODE_ID/CHILD_ID with numbers to {LAST_ID}, such as main/4/1",
        )
        names = list(SetReq.__members__)
        yield from check_that(
            self.type in names, "type", f"there is no type {self.type!r}: {nearest(self.type, names)}"
        )
        if self.type in names:
            try:
                parse_value(SetReq[self.type], self.value)
            except LineError as error:
                yield "value", f"is {error}"


@dataclass(frozen=True)
class CommandStep:
    """A command of a UPS that `ups: {NAME: {commands: [...]}}` lists. `confirm`: its risk is known."""

    ups: str
    name: str
    value: str | None = None
    confirm: bool = False

    def check(self) -> Problems:
        """Yield what is wrong: a risk that is not confirmed."""
        risk = command_risk(self.name, self.value)
        yield from check_that(
            not risk or self.confirm,
            "confirm",
            f"{self.name}: {risk}. Where that is meant, add confirm: true",
        )


@dataclass(frozen=True)
class WakeStep:
    """A machine that is woken by its network card (wake-on-LAN)."""

    PLAIN = "mac"

    mac: str
    broadcast: str = "255.255.255.255"
    port: int = 9

    def check(self) -> Problems:
        """Yield what is wrong: the form of the address, the port."""
        yield from check_that(
            bool(MAC.fullmatch(self.mac)),
            "mac",
            f'{self.mac!r} is not a MAC address: write it in quotes, such as "aa:bb:cc:dd:ee:ff"',
        )
        yield from check_that(
            bool(re.fullmatch(r"[0-9A-Za-z.-]+", self.broadcast)),
            "broadcast",
            f"{self.broadcast!r} is not an IPv4 address, such as 192.168.1.255",
        )
        yield from check_that(0 < self.port < 65536, "port", "has to be 1 to 65535")


@dataclass(frozen=True)
class PlanAction:
    """What every step has: one action, how long it may take, whether it may be done twice."""

    name: str
    run: tuple[str, ...] = ()
    webhook: WebhookSettings | None = None
    node: NodeStep | None = None
    command: CommandStep | None = None
    wake: WakeStep | None = None
    timeout_s: float = 60.0
    repeat: bool = False

    @property
    def kind(self) -> str:
        """Which action it is: one of KINDS."""
        return next(kind for kind in KINDS if getattr(self, kind))

    def check_action(self) -> Problems:
        """Yield what is wrong with the name, the action and its time."""
        yield from check_name(self.name)
        kinds = [kind for kind in KINDS if getattr(self, kind)]
        yield from check_that(
            len(kinds) == 1,
            "",
            f"a step does one thing of {', '.join(KINDS)}; this has {' and '.join(kinds) or 'none'}",
        )
        yield from check_that(1 <= self.timeout_s <= 3600, "timeout_s", "has to be 1 to 3600 seconds")


@dataclass(frozen=True)
class BatteryStep(PlanAction):
    """A step on battery, due by whichever comes first.

    `after_s`: so long on battery; `charge`: at or below so many %; `runtime_s`: so little runtime left.
    """

    after_s: float | None = None
    charge: float | None = None
    runtime_s: float | None = None
    cancel_on_return: bool = False

    def check(self) -> Problems:
        """Yield what is wrong: no condition, or one out of range."""
        yield from self.check_action()
        yield from check_that(
            any(one is not None for one in (self.after_s, self.charge, self.runtime_s)),
            "",
            "nothing says when: give after_s, charge or runtime_s; after_s: 0 is at once",
        )
        yield from check_seconds("after_s", self.after_s)
        yield from check_seconds("runtime_s", self.runtime_s)
        yield from check_percent(self.charge)


@dataclass(frozen=True)
class ReturnStep(PlanAction):
    """A step when mains are back: for `after_s`, and with the charge at or above `charge` %.

    With `if_ran`, only where one of these steps has begun in the outage.
    """

    after_s: float = 0.0
    charge: float | None = None
    if_ran: tuple[str, ...] = ()

    def check(self) -> Problems:
        """Yield what is wrong with single values."""
        yield from self.check_action()
        yield from check_seconds("after_s", self.after_s)
        yield from check_percent(self.charge)


@dataclass(frozen=True)
class OutagePlan:
    """What is done in an outage of `ups`: of any of them, or only of all at once.

    Mains are back once they are there for `settle_s`; the steps after that wait at most `within_s`.
    """

    name: str
    ups: tuple[str, ...]
    when: Literal["any", "all"] = "any"
    on_battery: tuple[BatteryStep, ...] = ()
    power_back: tuple[ReturnStep, ...] = ()
    settle_s: float = 30.0
    within_s: float = DAY_S

    @property
    def steps(self) -> tuple[BatteryStep | ReturnStep, ...]:
        """All steps, in their order."""
        return (*self.on_battery, *self.power_back)

    def check(self) -> Problems:
        """Yield what is wrong: no UPS, no step, names that are used twice or are not there."""
        yield from check_name(self.name)
        yield from check_that(bool(self.ups), "ups", "names none")
        yield from check_unique(self.ups, "ups", "UPS")
        yield from check_that(bool(self.steps), "", "has no steps: give on_battery or power_back")
        yield from check_unique([step.name for step in self.steps], "on_battery and power_back")
        yield from check_that(0 <= self.settle_s <= 3600, "settle_s", "has to be 0 to 3600 seconds")
        yield from check_that(60 <= self.within_s <= 7 * DAY_S, "within_s", "has to be 60 to 604800 seconds")
        if self.power_back:
            yield from check_that(
                self.within_s > self.settle_s,
                "within_s",
                "has to be more than settle_s: nothing would be done",
            )
        names = [step.name for step in self.on_battery]
        for step in self.power_back:
            late = f"has to be less than within_s, {self.within_s:g} s: it would be given up before"
            yield from check_that(step.after_s < self.within_s, f"power_back[{step.name}].after_s", late)
            for name in step.if_ran:
                known = nearest_choice(name, names) if names else "there is none"
                problem = f"there is no step {name!r} on battery: {known}"
                yield from check_that(name in names, f"power_back[{step.name}].if_ran", problem)


def check_seconds(key: str, value: float | None) -> Problems:
    """A time of a step, or nothing."""
    return check_that(value is None or 0 <= value <= DAY_S, key, "has to be 0 to 86400 seconds")


def check_percent(value: float | None) -> Problems:
    """A charge, or nothing."""
    return check_that(value is None or 0 <= value <= 100, "charge", "has to be 0 to 100 %")


def check_plans(
    plans: Sequence[OutagePlan], gateways: Sequence[str], commands: Mapping[str, Sequence[str]]
) -> Problems:
    """Plans have names of their own, and what their steps order is there.

    `commands` are those that may be ordered, by UPS. The names of UPSes are checked elsewhere.
    """
    yield from check_unique([plan.name for plan in plans], "plan")
    for plan in plans:
        for section in ("on_battery", "power_back"):
            for step in getattr(plan, section):
                where = f"plan[{plan.name}].{section}[{step.name}]"
                yield from _check_order(step, where, gateways, commands)


def _check_order(
    step: PlanAction, where: str, gateways: Sequence[str], commands: Mapping[str, Sequence[str]]
) -> Problems:
    if step.node is not None:
        gateway = step.node.node.partition("/")[0]
        known = nearest(gateway, gateways) if gateways else "add gateways:"
        problem = f"there is no gateway {gateway!r}: {known}"
        yield from check_that(gateway in gateways, f"{where}.node.node", problem)
    if step.command is not None:
        order = step.command
        listed = commands.get(order.ups, ())
        guess = f"{nearest(order.name, listed)}; " if listed else ""
        problem = f"{order.name} is not listed: {guess}add it to ups: {{{order.ups}: {{commands: [...]}}}}"
        yield from check_that(order.name in listed, f"{where}.command.name", problem)
