"""POST /-/channels/ID: a value for a channel, an order to its node like those of /-/orders."""

import sqlite3

from ingest.orders.node_orders import channel_subject, set_channel
from ingest.orders.outcome import Done, RefusedError
from plugins.web.actions.action import Action, Submission
from plugins.web.endpoint import Endpoint, documented_route


def set_value(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """`value` for the channel in the path: the id of the order. Raises RefusedError."""
    if "value" not in form.fields:
        subject = channel_subject(connection, form.id)
        raise RefusedError(400, "value is needed", subject=subject)
    blanks = form.fields.raw("value").strip("\r\n")  # a text may be nothing else
    value = form.fields.text("value") or blanks
    return set_channel(connection, form.id, value, form.actor, form.site.timezone)


VALUE = Action("set value", "order", set_value, status=201, after="/nodes", topics=("outbox",))

ROUTES = (
    documented_route(
        r"^/-/channels/(?P<id>\d{1,12})$",
        VALUE.post,
        Endpoint(
            "Set the value of a channel",
            "An order to its node, as of /-/orders: switches take 0, 1, on and off; percentages 0 to 100; "
            "colours hex digits; set-points numbers; the other types their words of the serial API.",
            "POST",
            "order",
            {"value": "the wanted value"},
            {"value": "on"},
            {"ID": "{switch}"},
        ),
    ),
)
