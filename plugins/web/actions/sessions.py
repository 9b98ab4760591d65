"""POST /-/account/...: a user ends sessions."""

import sqlite3

from ingest.orders.outcome import Done, RefusedError
from plugins.web.actions.action import Action, Submission
from plugins.web.auth.permissions import SIGNED_IN
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.sessions import end_sessions
from plugins.web.table_guard import open_tables


def _end_one(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    with open_tables(connection, "sessions"):
        ended = end_sessions(connection, form.actor, form.id)
    if not ended:
        raise RefusedError(404, f"You have no session {form.id}", subject=f"session {form.id}")
    return Done("That session is signed out", f"session {form.id}", {"ended": ended})


def _end_all(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    with open_tables(connection, "sessions"):
        ended = end_sessions(connection, form.actor)
    return Done("You are signed out everywhere", "all sessions", {"ended": ended})


END_ONE = Action("end_session", SIGNED_IN, _end_one, after="/-/account")
END_ALL = Action("sign_out_everywhere", SIGNED_IN, _end_all, after="/")

ROUTES = (
    documented_route(
        r"^/-/account/sessions/(?P<id>\d{1,9})/end$",
        END_ONE.post,
        Endpoint("End one of your sessions", "ID is in /-/account.", "POST", SIGNED_IN, at={"ID": "1"}),
    ),
    documented_route(
        r"^/-/account/sign-out-everywhere$",
        END_ALL.post,
        Endpoint("End all of your sessions", "Tokens stay: they are in config.yml.", "POST", SIGNED_IN),
    ),
)
