"""/-/alerts/mutes: what alerts do not send for a time, or until an event ends."""

import sqlite3

from ingest.config.alerts import Alerts
from ingest.orders.outcome import Done, RefusedError
from outbound.alerts.mute_requests import UNTIL_END, MuteError, MuteFields, MuteRequest, parse_mute
from outbound.alerts.mutes import add_mute, end_mute
from plugins.web.actions.action import Action, Submission
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields
from plugins.web.site import Site
from plugins.web.table_guard import open_tables

PAGE = "/-/alerts"


def _mute(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """One of the fields `ups`, `node`, `rule`, `everything`; `for_s` or `until=end`; maybe `reason`."""
    request = _parse(connection, form.site, form.fields)
    reason = form.fields.text("reason")
    with open_tables(connection, "mutes"):
        number = add_mute(
            connection, request.scope, form.actor, for_s=request.for_s, event=request.event, reason=reason
        )
        until = connection.execute("select until from mutes where id = ?", (number,)).fetchone()[0]
    data = {"mute": number, "until": until, "event": request.event}
    return Done(f"Muted: {request}", str(request.scope), data)


def _parse(connection: sqlite3.Connection, site: Site, fields: Fields) -> MuteRequest:
    """The request of a form. `what` of the page is a scope in one field, as in `ups:rack@closet`."""
    kind, _, name = fields.text("what").partition(":")
    given = {field: fields.text(field) for field in ("ups", "node", "rule")}
    if kind in given and not given[kind]:
        given[kind] = name
    is_end = fields.text("for_s") == UNTIL_END  # the page offers it beside the times
    named = MuteFields(
        **given,
        everything=fields.is_yes("everything") or kind == "everything",
        for_s="" if is_end else fields.text("for_s"),
        until=UNTIL_END if is_end else fields.text("until"),
    )
    try:
        return parse_mute(connection, site.config.alerts or Alerts(), named)
    except MuteError as error:
        raise RefusedError(404 if error.is_missing else 400, str(error), field=error.field) from None


def _end(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    with open_tables(connection, "mutes"):
        if not end_mute(connection, form.id, form.actor):
            raise RefusedError(
                404, f"There is no mute {form.id} that could be ended: it has ended, or never was"
            )
    return Done(f"Mute {form.id} is ended", f"mute {form.id}", {"mute": form.id})


MUTE = Action("mute alerts", "maintain", _mute, status=201, after=PAGE)
END_MUTE = Action("end mute", "maintain", _end, after=PAGE)

ROUTES = (
    documented_route(
        r"^/-/alerts/mutes$",
        MUTE.post,
        Endpoint(
            "Mute alerts",
            "Of a UPS, a node, a rule or everything, for a time or until the event ends that is going on and "
            "began last. A row of mutes; what would be sent is a row of deliveries with the state muted.",
            "POST",
            "maintain",
            {
                "ups": "the name of a UPS, such as rack@closet",
                "node": "GATEWAY/NODE_ID, such as main/4",
                "rule": "the name of a rule of config.yml, or its number; defaults where there are none",
                "everything": "1: all alerts",
                "for_s": "for so many seconds",
                "until": "end: until the event ends",
                "reason": "why, for others to read",
            },
            {"everything": "1", "for_s": "60"},
        ),
    ),
    documented_route(
        r"^/-/alerts/mutes/(?P<id>\d{1,9})/end$",
        END_MUTE.post,
        Endpoint("End a mute", "", "POST", "maintain", at={"ID": "{mute}"}),
    ),
)
