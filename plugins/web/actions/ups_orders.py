"""/-/ups/commands and /-/ups/settings: orders to UPSes as rows of `ups_orders`, which ingest sends.

A GET shows what would be ordered, and asks.
"""

import sqlite3
from collections.abc import Callable
from typing import TypeAlias

from datasette import Request, Response

from ingest.orders.outcome import Done
from ingest.orders.subjects import UPS_HELP
from ingest.orders.ups_orders import Listed, OrderPlan, place, plan_command, plan_setting
from plugins.web.actions.action import Action, Submission
from plugins.web.auth.permissions import require
from plugins.web.endpoint import Endpoint, Handler, Json, documented_route
from plugins.web.forms import Fields
from plugins.web.query import DATABASE
from plugins.web.responses import page, wants_page
from plugins.web.site import Site

FIELDS = ("ups", "command", "variable", "value")

Planner: TypeAlias = Callable[[sqlite3.Connection, Fields, Listed], OrderPlan]


def _plan_command(connection: sqlite3.Connection, fields: Fields, listed: Listed) -> OrderPlan:
    """The order that `ups`, `command` and `value` mean; an empty value is none. Raises RefusedError."""
    command = fields.required(
        "command", "an instant command that config.yml lists, such as test.battery.start.quick"
    )
    ups = fields.required("ups", UPS_HELP)
    return plan_command(connection, ups, command, fields.text("value") or None, listed)


def _plan_setting(connection: sqlite3.Connection, fields: Fields, listed: Listed) -> OrderPlan:
    """The order that `ups`, `variable` and `value` mean. Raises RefusedError."""
    name = fields.required(
        "variable", "a variable that config.yml lists under settings, such as battery.charge.low"
    )
    ups, value = fields.required("ups", UPS_HELP), fields.text("value") if "value" in fields else None
    return plan_setting(connection, ups, name, value, listed)


def _as_json(order: OrderPlan) -> Json:
    """For programs and for the page that asks."""
    parts = ("command", "variable", "value", "old", "unit")
    given = {name: getattr(order, name) for name in parts if getattr(order, name) is not None}
    ups = {"ups": order.ups.id, "name": order.ups.name, "label": order.ups.label}
    return {**ups, **given, "words": order.title, "danger": order.risk}


def _order_action(plan: Planner) -> Action[None]:
    def write(connection: sqlite3.Connection, form: Submission[None]) -> Done:
        order = plan(connection, form.fields, form.site.config.ups)
        return place(connection, order, form.fields.is_yes("confirm"), form.actor)

    return Action("ups_order", "order", write, status=201, after="/ups", topics=("ups_orders",))


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
            return Response.json({"ok": True, **_as_json(order)})
        return await page(datasette, request, "pages/-/ups/order.html", _as_json(order))

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
        _order_handler(_plan_command),
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
        _order_handler(_plan_setting),
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
