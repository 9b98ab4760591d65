"""/-/ups/commands and /-/ups/settings: orders to UPSes as rows of `ups_orders`, which ingest sends.

A GET shows what would be ordered, and asks.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from datasette import Request, Response

from ingest.nearest import nearest
from ingest.ups.command_values import command_text, invalid_command_value_reason, seconds_range
from ingest.ups.commands import command_label, command_risk
from ingest.ups.setting_values import Setting, invalid_value_reason
from ingest.ups.settings import UpsSettings
from ingest.ups.variables import full_label, variable
from plugins.web.actions.action import Action, Done, Submission
from plugins.web.actions.subjects import UPS_HELP, UpsRef, find_ups
from plugins.web.auth.permissions import require
from plugins.web.endpoint import Endpoint, Handler, Json, documented_route
from plugins.web.forms import Fields, RefusedError
from plugins.web.query import DATABASE
from plugins.web.responses import page, wants_page
from plugins.web.site import Site

FIELDS = ("ups", "command", "variable", "value")

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

    def as_json(self) -> Json:
        """For programs and for the page that asks."""
        parts = ("command", "variable", "value", "old", "unit")
        given = {name: getattr(self, name) for name in parts if getattr(self, name) is not None}
        ups = {"ups": self.ups.id, "name": self.ups.name, "label": self.ups.label}
        return {**ups, **given, "words": self.title, "danger": self.risk}


Planner: TypeAlias = Callable[[sqlite3.Connection, Fields, Listed], OrderPlan]


def plan_command(connection: sqlite3.Connection, fields: Fields, listed: Listed) -> OrderPlan:
    """The order that `ups`, `command` and `value` mean; an empty value is none. Raises RefusedError."""
    command = fields.required(
        "command", "an instant command that config.yml lists, such as test.battery.start.quick"
    )
    ups = _find_listed(connection, fields, command, "commands", listed)
    known = dict(
        connection.execute(
            "select name, description from ups_controls where ups = ? and kind = 'command'", (ups.id,)
        ).fetchall()
    )
    if known and command not in known:
        text = f"{ups.label} has no command {command}: {nearest(command, list(known))}"
        raise RefusedError(409, text, subject=ups.name)
    value = fields.text("value") or None
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


def plan_setting(connection: sqlite3.Connection, fields: Fields, listed: Listed) -> OrderPlan:
    """The order that `ups`, `variable` and `value` mean. Raises RefusedError."""
    name = fields.required(
        "variable", "a variable that config.yml lists under settings, such as battery.charge.low"
    )
    ups = _find_listed(connection, fields, name, "settings", listed)
    if "value" not in fields:
        raise RefusedError(400, f"value is needed: the new value of {name}", subject=ups.name)
    value = fields.text("value")
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
    connection: sqlite3.Connection, fields: Fields, name: str, kind: str, listed: Listed
) -> UpsRef:
    """The UPS, where the config lists `name` for it under `kind`. Raises RefusedError."""
    ups = find_ups(connection, fields.required("ups", UPS_HELP))
    if not ups.configured:
        raise RefusedError(409, f"{ups.name} is not read any more", subject=ups.name)
    settings = listed.get(ups.name, UpsSettings())
    names = settings.commands if kind == "commands" else settings.settings
    if name not in names:
        guess = f" {nearest(name, names)}" if names else ""
        where = f"`ups: {ups.name}: {kind}:` in config.yml names what may be ordered.{guess}"
        raise RefusedError(403, f"{name} is not listed: {where}", subject=ups.name)
    return ups


def _order_action(plan: Planner) -> Action[None]:
    def place(connection: sqlite3.Connection, form: Submission[None]) -> Done:
        order = plan(connection, form.fields, form.site.config.ups)
        subject = order.ups.name
        if order.risk and not form.fields.is_yes("confirm"):
            what = command_text(order.command or "", order.value)
            text = f"{what}: {order.risk}. Send confirm=1 (tick the box) to confirm"
            raise RefusedError(409, text, subject=subject)
        _refuse_twice(connection, order)
        number = connection.execute(
            "insert into ups_orders (ups, command, variable, value, created_by) values (?, ?, ?, ?, ?)",
            (order.ups.id, order.command, order.variable, order.value, form.actor),
        ).lastrowid
        return Done(f"{order.title} queued for {order.ups.label}", subject, {"order": number})

    return Action("ups_order", "order", place, status=201, after="/ups", topics=("ups_orders",))


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


def _order_handler(plan: Planner) -> Handler:
    action = _order_action(plan)

    async def ask_or_place(datasette: Site, request: Request) -> Response:
        """GET: are you sure, as a page or JSON. POST: 201 with the order."""
        if request.method == "POST":
            return await action.post(datasette, request)
        require(datasette, request.actor, "read")
        fields = Fields({name: request.args.get(name) for name in FIELDS if name in request.args})
        order: OrderPlan = await datasette.get_database(DATABASE).execute_fn(
            lambda connection: plan(connection, fields, datasette.config.ups)
        )
        if not wants_page(request):
            return Response.json({"ok": True, **order.as_json()})
        return await page(datasette, request, "pages/-/ups/order.html", order.as_json())

    return ask_or_place


_DESCRIPTION = "A row of ups_orders; it is sent once, within a minute, or expires."
_COMMAND_FIELDS = {
    "ups": "name, or id of the table ups",
    "command": "an instant command that config.yml lists for it",
    "value": "optional, for a command that takes one, such as the seconds of test.battery.start",
}
_COMMAND_EXAMPLE = {"ups": "{commanded}", "command": "{command}"}
_SETTING_FIELDS = {
    "ups": "name, or id of the table ups",
    "variable": "one that config.yml lists under settings",
    "value": "the new value",
}
_SETTING_EXAMPLE = {"ups": "{set}", "variable": "{setting}", "value": "{value}"}

ROUTES = (
    documented_route(
        r"^/-/ups/commands$",
        _order_handler(plan_command),
        Endpoint(
            "What a command to a UPS would do",
            fields=_COMMAND_FIELDS,
            example=_COMMAND_EXAMPLE,
            answer="page",
        ),
        Endpoint("Send a command to a UPS", _DESCRIPTION, "POST", "order", _COMMAND_FIELDS, _COMMAND_EXAMPLE),
    ),
    documented_route(
        r"^/-/ups/settings$",
        _order_handler(plan_setting),
        Endpoint(
            "What a setting of a UPS would change",
            fields=_SETTING_FIELDS,
            example=_SETTING_EXAMPLE,
            answer="page",
        ),
        Endpoint(
            "Change a setting of a UPS", _DESCRIPTION, "POST", "order", _SETTING_FIELDS, _SETTING_EXAMPLE
        ),
    ),
)
