"""The forms for commands and settings on the page of a UPS, and its last orders."""

from collections.abc import Sequence

from ingest.ups.command_values import seconds_range
from ingest.ups.commands import LONG_TEST_S, command_label, command_risk
from ingest.ups.setting_values import Setting, parse_number
from ingest.ups.settings import UpsSettings
from ingest.ups.variables import full_label, variable
from plugins.web.endpoint import Json
from plugins.web.query import Row, select
from plugins.web.site import Site

MAX_ORDERS = 10  # on the page of a UPS
# What the page proposes to list: commands that are safe to copy from it, the most useful first.
EXAMPLES = (
    "test.battery.start.quick",
    "test.battery.start",
    "beeper.mute",
    "beeper.disable",
    "beeper.toggle",
)
# Without ingest no reader writes that an order is over; its time says so.
ORDERS = f"""select id, command, variable, value, old, reason, created_at, created_by, sent_at, done_at,
  case when state = 'queued' and expires_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now') then 'expired'
    else state end as state
from ups_orders where ups = ? order by id desc limit {MAX_ORDERS}"""


async def order_forms(site: Site, ups: Row, variables: Sequence[Row]) -> Json | None:
    """What the page of a UPS offers, and its last orders; None for a UPS that is not read any more.

    `ups` is a row of ups_overview, `variables` are its rows of ups_variables.
    """
    if not ups["configured"]:
        return None
    listed = site.config.ups.get(ups["name"], UpsSettings())
    controls = await select(site, "select * from ups_controls where ups = ? order by name", [ups["id"]]) or []
    known = {row["name"]: row["description"] for row in controls if row["kind"] == "command"}
    settings = {row["name"]: row for row in controls if row["kind"] == "setting"}
    values = {row["variable"]: row for row in variables}
    orders = await _last_orders(site, ups["id"])
    return {
        "commands": [_command_button(name, known, ups["driver"]) for name in listed.commands],
        "settings": [_setting_input(name, values.get(name), settings.get(name)) for name in listed.settings],
        "others": [name for name in known if name not in listed.commands],
        "example": _example(known),
        "orders": orders,
        "busy": any(order["state"] in ("queued", "sent") for order in orders or []),
    }


def _example(known: dict[str, str]) -> str | None:
    """A command that this UPS has and that can be listed without a second thought."""
    return next((name for name in EXAMPLES if name in known), None)


async def _last_orders(site: Site, ups: int) -> list[Row] | None:
    rows = await select(site, ORDERS, [ups])
    return rows and [row | {"words": _order_title(row)} for row in rows]


def _order_title(order: Row) -> str:
    if order["command"]:
        unit = " s" if seconds_range(order["command"]) else ""
        return command_label(order["command"], value=order["value"] and f"{order['value']}{unit}")
    return f"{full_label(order['variable'])}: {order['value']}"


def _command_button(name: str, known: dict[str, str], driver: str) -> Row:
    """A command as a button, with the lowest and highest number of seconds where it takes one."""
    seconds, risk = None if driver == "must" else seconds_range(name), command_risk(name)
    risky_long = seconds is not None and not risk and command_risk(name, str(LONG_TEST_S))
    return {
        "seconds": seconds,
        "danger_from": LONG_TEST_S if risky_long else None,
        "name": name,
        "words": command_label(name, known.get(name, "")),
        "danger": risk,
        "missing": bool(known) and name not in known,
    }


def _setting_input(name: str, now: Row | None, control: Row | None) -> Row:
    """A setting as an input, with the values that a browser lets pass. The server checks them again."""
    setting = Setting()
    if control:
        setting = Setting.from_columns(control["type"], control["choices"], control["ranges"])
    value = now["value"] if now else ""
    ranges = [pair for pair in setting.ranges if None not in map(parse_number, pair)]
    is_number = bool(ranges) or (parse_number(value) is not None and "STRING" not in setting.type)
    return {
        "name": name,
        "words": full_label(name),
        "unit": variable(name).unit,
        "value": value,
        "missing": now is None or not now["writable"],
        "choices": setting.choices,
        "number": is_number and not setting.choices,
        "longest": setting.max_length,
        "low": min((low for low, _ in ranges), key=float, default=None),
        "high": max((high for _, high in ranges), key=float, default=None),
    }
