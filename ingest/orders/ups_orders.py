"""Orders to UPSes as rows of `ups_orders`, which ingest sends."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ingest.nearest import nearest
from ingest.orders.outcome import Done, RefusedError
from ingest.orders.subjects import UpsRef, find_ups
from ingest.ups.command_values import command_text, invalid_command_value_reason, seconds_range
from ingest.ups.commands import command_label, command_risk
from ingest.ups.setting_values import Setting, invalid_value_reason
from ingest.ups.settings import UpsSettings
from ingest.ups.variables import full_label, variable

Listed: TypeAlias = Mapping[str, UpsSettings]  # what the config lets people order, by name of the UPS


@dataclass(frozen=True)
class OrderPlan:
    """An order that would be placed: a command, or a value for a variable that has the value `old` now.

    `value` is that of the command where it has one.
    """

    ups: UpsRef
    title: str
    command: str | None = None
    variable: str | None = None
    value: str | None = None
    old: str | None = None
    unit: str | None = None
    risk: str = ""  # what it may cost; '' where it costs nothing


def plan_command(
    connection: sqlite3.Connection, name: str, command: str, value: str | None, listed: Listed
) -> OrderPlan:
    """The order of an instant command, to the UPS of this name or id. Raises RefusedError."""
    ups = _find_listed(connection, name, command, "commands", listed)
    known = dict(
        connection.execute(
            "select name, description from ups_controls where ups = ? and kind = 'command'", (ups.id,)
        ).fetchall()
    )
    if known and command not in known:
        text = f"{ups.label} has no command {command}: {nearest(command, list(known))}"
        raise RefusedError(409, text, subject=ups.name)
    _check_command_value(ups, command, value)
    unit = "s" if value is not None and seconds_range(command) else None
    title = command_label(command, known.get(command, ""), value and f"{value} {unit or ''}".strip())
    return OrderPlan(ups, title, command=command, value=value, unit=unit, risk=command_risk(command, value))


def _check_command_value(ups: UpsRef, command: str, value: str | None) -> None:
    if value is None:
        return
    reason = invalid_command_value_reason(command, value)
    if ups.driver == "must":
        reason = f"{command} of an EP20 takes no value"
    if reason:
        raise RefusedError(400, f"value of {command}: {reason}", subject=ups.name)


def plan_setting(
    connection: sqlite3.Connection, ups_name: str, name: str, value: str | None, listed: Listed
) -> OrderPlan:
    """The order of a value for the variable `name` of the UPS of this name or id. Raises RefusedError."""
    ups = _find_listed(connection, ups_name, name, "settings", listed)
    if value is None:
        raise RefusedError(400, f"value is needed: the new value of {name}", subject=ups.name)
    now = connection.execute(
        "select value, writable from ups_variables where ups = ? and variable = ?", (ups.id, name)
    ).fetchone()
    has_writable = connection.execute(
        "select 1 from ups_variables where ups = ? and writable limit 1", (ups.id,)
    ).fetchone()
    if has_writable and not (now and now["writable"]):
        problem = "cannot be set" if now else "is not there"
        raise RefusedError(409, f"{name} {problem}: {ups.label} has no such setting", subject=ups.name)
    control = connection.execute(
        "select type, choices, ranges from ups_controls where ups = ? and kind = 'setting' and name = ?",
        (ups.id, name),
    ).fetchone()
    old = now["value"] if now else ""
    reason = invalid_value_reason(Setting.from_columns(*control) if control else Setting(), value, old)
    if reason:
        raise RefusedError(400, f"value of {name}: {reason}", subject=ups.name)
    title = f"{full_label(name)}: {value}"
    return OrderPlan(ups, title, variable=name, value=value, old=old, unit=variable(name).unit)


def _find_listed(
    connection: sqlite3.Connection, ups_name: str, name: str, kind: str, listed: Listed
) -> UpsRef:
    """The UPS, where the config lists `name` for it under `kind`. Raises RefusedError."""
    ups = find_ups(connection, ups_name)
    if not ups.configured:
        raise RefusedError(409, f"{ups.name} is not read any more", subject=ups.name)
    settings = listed.get(ups.name, UpsSettings())
    names = settings.commands if kind == "commands" else settings.settings
    if name not in names:
        guess = f" {nearest(name, names)}" if names else ""
        where = f"`ups: {ups.name}: {kind}:` in config.yml names what may be ordered.{guess}"
        raise RefusedError(403, f"{name} is not listed: {where}", subject=ups.name)
    return ups


def place(connection: sqlite3.Connection, order: OrderPlan, is_confirmed: bool, actor: str) -> Done:
    """Queue it, unless it is a risk that nobody has confirmed, or the same is under way.

    Raises RefusedError.
    """
    subject = order.ups.name
    if order.risk and not is_confirmed:
        what = command_text(order.command or "", order.value)
        text = f"{what}: {order.risk}. Send confirm=1 (tick the box) to confirm"
        raise RefusedError(409, text, subject=subject)
    _refuse_twice(connection, order)
    number = connection.execute(
        "insert into ups_orders (ups, command, variable, value, created_by) values (?, ?, ?, ?, ?)",
        (order.ups.id, order.command, order.variable, order.value, actor),
    ).lastrowid
    return Done(f"{order.title} queued for {order.ups.label}", subject, {"order": number})


def _refuse_twice(connection: sqlite3.Connection, order: OrderPlan) -> None:
    under_way = connection.execute(
        """select id from ups_orders where ups = ? and command is ? and variable is ?
        and state in ('queued', 'sent')
        and (state = 'sent' or expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))""",
        (order.ups.id, order.command, order.variable),
    ).fetchone()
    if under_way:
        raise RefusedError(
            409,
            f"Order {under_way[0]} for the same is in progress: wait for its result",
            subject=order.ups.name,
        )
