"""Rights: every address of the site and of Datasette x every kind of caller, and one right to one effect.

The expected answers are a table: what an address answers to whom may use it, and the right that it needs.
All others get 401 without an actor, else 403.
"""

import itertools
import re
from typing import NamedTuple

import pytest

from ingest.config.access import RIGHTS
from ingest.config.model import Access, Person, Token
from ingest.db.connection import connect
from plugins.web.auth.permissions import SIGNED_IN
from plugins.web.compat import written_queries
from plugins.web.pages.api import NATIVE, describe_query, routes
from plugins.web.sessions import save_session
from tests.plugins.site_helpers import ACCESS, bearer

PASSWORD_HASH = ACCESS.people[0].password_hash
CALLERS = ("none", *RIGHTS)  # a person and a token of each: without rights, and with one
READ, FREE = "read", None  # the rights of reading, and of what needs none

# (method, address as the API lists it, an address of it) -> (the right, the answer to whom has it).
OWN = {
    ("GET", "/", "/"): (READ, 200),
    ("GET", "/outages/ID", "/outages/999"): (READ, 404),
    ("GET", "/dash", "/dash"): (READ, 200),
    ("GET", "/dash/NAME", "/dash/nope"): (READ, 404),
    ("GET", "/dash/NAME.json", "/dash/home.json"): (READ, 200),
    ("GET", "/nodes", "/nodes"): (READ, 200),
    ("GET", "/nodes/GATEWAY/NODE_ID", "/nodes/main/12"): (READ, 200),
    ("GET", "/channels/ID", "/channels/786688"): (READ, 308),
    ("GET", "/nodes/GATEWAY/NODE_ID/CHILD/TYPE", "/nodes/main/12/1/V_TEMP"): (READ, 200),
    ("GET", "/radio", "/radio"): (READ, 200),
    ("GET", "/search", "/search?q=air"): (READ, 200),
    ("GET", "/search.json", "/search.json?q=air"): (READ, 200),
    ("GET", "/ups", "/ups"): (READ, 200),
    ("GET", "/ups/NAME", "/ups/nope"): (READ, 404),
    ("GET", "/ups/NAME/VARIABLE", "/ups/nope/ups.load"): (READ, 404),
    ("GET", "/energy", "/energy"): (READ, 200),
    ("GET", "/events", "/events"): (READ, 200),
    ("GET", "/events.atom", "/events.atom"): (READ, 200),
    ("GET", "/batteries.ics", "/batteries.ics"): (READ, 200),
    ("GET", "/reports", "/reports"): (READ, 200),
    ("GET", "/manifest.webmanifest", "/manifest.webmanifest"): (FREE, 200),
    ("GET", "/api", "/api"): (READ, 200),
    ("GET", "/api.json", "/api.json"): (READ, 200),
    ("GET", "/api/health", "/api/health"): (READ, 200),
    ("GET", "/api/telemetry", "/api/telemetry"): (READ, 404),
    ("GET", "/metrics", "/metrics"): (READ, 200),
    ("GET", "/-/pulse.json", "/-/pulse.json"): (READ, 200),
    ("GET", "/-/events.stream", "/-/events.stream?for_s=0"): (READ, 200),
    ("GET", "/openapi.json", "/openapi.json"): (READ, 200),
    ("GET", "/-/ota", "/-/ota"): (READ, 200),
    ("GET", "/-/maintenance", "/-/maintenance"): (READ, 200),
    ("GET", "/-/plan", "/-/plan"): (READ, 200),
    ("GET", "/-/delete", "/-/delete?what=node&node=12"): (READ, 200),
    ("GET", "/-/replace", "/-/replace"): (READ, 400),
    ("GET", "/-/ups/commands", "/-/ups/commands"): (READ, 400),
    ("GET", "/-/ups/settings", "/-/ups/settings"): (READ, 400),
    ("GET", "/-/login", "/-/login"): (FREE, 200),
    ("POST", "/-/login", "/-/login"): (FREE, 401),
    ("GET", "/-/account", "/-/account"): (SIGNED_IN, 200),
    ("POST", "/-/account/sessions/ID/end", "/-/account/sessions/999/end"): (SIGNED_IN, 404),
    ("GET", "/-/alerts", "/-/alerts"): ("maintain", 200),
    ("POST", "/-/alerts/test", "/-/alerts/test"): ("maintain", 400),
    ("POST", "/-/alerts/rehearsals", "/-/alerts/rehearsals"): ("maintain", 400),
    ("POST", "/-/alerts/mutes", "/-/alerts/mutes"): ("maintain", 400),
    ("POST", "/-/alerts/mutes/ID/end", "/-/alerts/mutes/1/end"): ("maintain", 404),
    ("GET", "/-/maintenance/backup.db", "/-/maintenance/backup.db"): ("maintain", 200),
    ("POST", "/-/maintenance/JOB", "/-/maintenance/optimize"): ("maintain", 202),
    ("POST", "/-/maintenance/JOB/pause", "/-/maintenance/optimize/pause"): ("maintain", 409),
    ("POST", "/-/maintenance/JOB/resume", "/-/maintenance/optimize/resume"): ("maintain", 409),
    ("GET", "/-/reports/NAME/PERIOD.eml", "/-/reports/monthly/2026-10.eml"): ("maintain", 404),
    ("POST", "/-/reports/NAME/send", "/-/reports/nope/send"): ("maintain", 404),
    ("POST", "/-/maintenance/clock-is-right", "/-/maintenance/clock-is-right"): ("maintain", 200),
    ("POST", "/-/delete", "/-/delete"): ("maintain", 400),
    ("POST", "/-/replace", "/-/replace"): ("maintain", 400),
    ("POST", "/-/replace/ID/retry", "/-/replace/999/retry"): ("maintain", 404),
    ("POST", "/-/replace/ID/revert", "/-/replace/999/revert"): ("maintain", 404),
    ("POST", "/-/orders", "/-/orders"): ("order", 400),
    ("POST", "/-/channels/ID", "/-/channels/786688"): ("order", 400),
    ("POST", "/-/ups/commands", "/-/ups/commands"): ("order", 400),
    ("POST", "/-/ups/settings", "/-/ups/settings"): ("order", 400),
    ("POST", "/-/ota/firmware", "/-/ota/firmware"): ("upload", 400),
    ("POST", "/-/ota/firmware/ID/delete", "/-/ota/firmware/999/delete"): ("upload", 404),
    ("POST", "/-/ota/updates", "/-/ota/updates"): ("upload", 400),
    ("POST", "/-/ota/updates/ID/cancel", "/-/ota/updates/999/cancel"): ("upload", 404),
    ("POST", "/-/ota/updates/ID/retry", "/-/ota/updates/999/retry"): ("upload", 404),
    ("POST", "/-/ota/commands", "/-/ota/commands"): ("upload", 400),
    ("POST", "/-/ota/commands/ID/cancel", "/-/ota/commands/999/cancel"): ("upload", 404),
    ("POST", "/api/ota", "/api/ota"): ("upload", 400),
    ("POST", "/-/nodes/retire", "/-/nodes/retire"): ("edit", 400),
    ("POST", "/-/readings/ID", "/-/readings/999"): ("edit", 400),
    ("POST", "/-/settings", "/-/settings"): ("edit", 400),
    ("POST", "/-/tariffs", "/-/tariffs"): ("edit", 400),
    ("POST", "/-/tariffs/ID/delete", "/-/tariffs/999/delete"): ("edit", 404),
    ("POST", "/-/dashboards", "/-/dashboards"): ("edit", 400),
    ("POST", "/-/dashboards/NAME", "/-/dashboards/home"): ("edit", 400),
    ("POST", "/-/dashboards/NAME/cards", "/-/dashboards/home/cards"): ("edit", 400),
    ("POST", "/-/dashboards/NAME/delete", "/-/dashboards/home/delete"): ("edit", 404),
    ("POST", "/-/saved-queries", "/-/saved-queries"): ("edit", 400),
    ("POST", "/-/saved-queries/NAME", "/-/saved-queries/nope"): ("edit", 400),
    ("POST", "/-/saved-queries/NAME/delete", "/-/saved-queries/nope/delete"): ("edit", 404),
    ("POST", "/-/ups/acknowledgements", "/-/ups/acknowledgements"): ("edit", 400),
    ("POST", "/-/ups/acknowledgements/ID/revoke", "/-/ups/acknowledgements/999/revoke"): ("edit", 404),
    ("POST", "/telemetry/set_location", "/telemetry/set_location"): ("edit", 400),
    ("POST", "/telemetry/set_location", "/telemetry/set_location.json"): ("edit", 400),
    ("POST", "/telemetry/battery_changed", "/telemetry/battery_changed"): ("edit", 400),
    ("POST", "/telemetry/ups_battery_changed", "/telemetry/ups_battery_changed"): ("edit", 400),
    ("GET", "/-/batteries", "/-/batteries"): (READ, 200),
    ("POST", "/-/batteries", "/-/batteries"): ("edit", 200),
    ("POST", "/-/batteries/KIND/ID/revoke", "/-/batteries/node/999/revoke"): ("edit", 404),
    ("POST", "/-/account/sign-out-everywhere", "/-/account/sign-out-everywhere"): (SIGNED_IN, 200),
    ("POST", "/-/logout", "/-/logout"): (FREE, 200),
}
DATASETTE = {
    "/.json": (READ, 200),
    "/telemetry": (READ, 200),
    "/telemetry.json": (READ, 200),
    "/telemetry.json?sql=select+1": (READ, 200),
    "/telemetry.csv?sql=select+1": (READ, 200),
    "/telemetry/nodes.json": (READ, 200),
    "/telemetry/nodes.csv": (READ, 200),
    "/telemetry/nodes/12.json": (READ, 200),
    "/telemetry/node_overview.json?_facet=state": (READ, 200),
    "/telemetry/stale_nodes.json": (READ, 200),
    "/-/metadata.json": (READ, 200),
    "/-/actor.json": (READ, 200),
    "/-/allow-debug": (READ, 200),
    "/-/messages": (READ, 200),
    "/-/patterns": (READ, 200),
    "/telemetry.db": ("no caller", 200),
    "/_memory": (READ, 404),
    "/-/nope": (READ, 404),
    "/-/auth-token": (READ, 404),
    "/-/password-tool": (READ, 404),
    "/-/static/app.css": (FREE, 200),
    "/favicon.ico": (FREE, 200),
    "/static/icon.svg": (FREE, 200),
    "/telemetry/audit.json": (SIGNED_IN, 200),
    "/telemetry/audit.csv": (SIGNED_IN, 200),
    "/telemetry/audit/1.json": (SIGNED_IN, 200),
    "/telemetry.json?sql=select+count(*)+from+audit": (SIGNED_IN, 200),
    "/-/databases.json": (SIGNED_IN, 200),
    "/-/databases": (SIGNED_IN, 200),
    "/-/threads.json": (SIGNED_IN, 200),
    "/-/plugins.json": (SIGNED_IN, 200),
    "/-/settings.json": (SIGNED_IN, 200),
    "/-/versions.json": (SIGNED_IN, 200),
    "/telemetry/set_location.json": ("edit", 200),
    "/-/permissions": ("maintain", 200),
    "/_internal.json": ("no caller", 200),
    "/telemetry/sessions.json": ("no caller", 200),
    "/telemetry/sessions/1.json": ("no caller", 200),
    "/telemetry.json?sql=select+*+from+sessions": ("no caller", 200),
    "/telemetry/firmware_images.json": ("no caller", 200),
}
ENDING = (
    "/-/logout",
    "/-/account/sign-out-everywhere",
)  # sessions of the person that asks, so they come last
WRITES = ("PUT", "PATCH", "DELETE", "POST")


class Caller(NamedTuple):
    """A name, its right or "none", and what its requests carry."""

    name: str
    right: str
    headers: dict[str, str]
    fields: dict[str, str]

    def may(self, needed, open_to_read):
        if needed in (FREE, READ) and (open_to_read or needed is FREE or self.right):
            return True
        return bool(self.right) and needed in (SIGNED_IN, READ, self.right)


def token_of(right):
    return f"token-of-{right}-0123456789"


def rights_of(right):
    return frozenset({right} if right in RIGHTS else ())


def access(read="anyone"):
    return Access(
        read=read,
        people=tuple(Person(f"person_{right}", PASSWORD_HASH, rights_of(right)) for right in CALLERS),
        tokens=tuple(Token(f"token_{right}", token_of(right), rights_of(right)) for right in CALLERS),
    )


def sessions(site):
    """A caller with a fresh session for each person."""
    accounts = site.datasette.accounts
    connection = connect(site.datasette.config.database)
    for right in CALLERS:
        secret = save_session(connection, f"person_{right}", accounts.cookie_keys, "")
        digest = connection.execute("select hash from sessions order by id desc limit 1").fetchone()[0]
        csrf = {"csrftoken": accounts.csrf_token(digest)}
        yield Caller(f"person {right}", right, {"cookie": f"ds_actor={secret}"}, csrf)
    connection.close()


def callers(site):
    return [
        Caller("anonymous", "", {}, {}),
        *(Caller(f"token {right}", right, bearer(token_of(right)), {}) for right in CALLERS),
        *sessions(site),
    ]


def ask(site, method, path, caller):
    client = site.datasette.client
    headers = {**caller.headers, "accept": "application/json"}
    options = {"data": caller.fields} if method in WRITES else {}
    return site.run(client.request(method, path, headers=headers, **options))


def wrong_answers(site, rows, open_to_read):
    """What each row answers to each caller, where it is not as expected."""
    turn = itertools.cycle(site.callers[1:])
    for (method, path), (needed, expected) in rows:
        asking = callers(site) if path in ENDING else site.callers
        if needed == READ and open_to_read:  # no right counts: anonymous, and the others in turn
            asking = [site.callers[0], *itertools.islice(turn, 2)]
        for caller in asking:
            status = ask(site, method, path, caller).status_code
            if caller.may(needed, open_to_read):
                right_answers = [expected]
            else:  # Datasette's own pages answer 403 also to callers that are not signed in
                right_answers = [
                    403 if caller.right or path in DATASETTE else 401,
                    403 if caller.right else 401,
                ]
            if status not in right_answers:
                yield f"{method} {path} as {caller.name}: {status}"


def rows_of():
    own = [((verb, path), answer) for (verb, _, path), answer in OWN.items()]
    native = [(("GET", path), answer) for path, answer in DATASETTE.items()]
    return sorted([*own, *native], key=lambda row: row[0][1] in ENDING)


@pytest.fixture(scope="module")
def site(module_site):
    site = module_site(access=access())
    site.datasette.accounts.throttle.wait_s = lambda key: 0.0
    site.callers = callers(site)
    return site


def test_the_table_has_every_route_and_its_right(site):
    queries = [describe_query(*item) for item in written_queries(site.datasette).items()]
    listed = {(one.method, path): one.right for path, one in routes(site.datasette)}
    listed |= {(one.method, path): one.right for path, one in queries if one.method == "POST"}
    assert {(verb, shown): answer[0] for (verb, shown, _), answer in OWN.items()} == listed
    patterns = [
        re.compile(re.sub(r"\\?[A-Z]{2,}", r"[^/]+?", re.escape(path)) + r"(\?.*)?") for path, _ in NATIVE
    ]
    for pattern in patterns:
        assert any(pattern.fullmatch(path) for path in DATASETTE), pattern


def test_every_address_answers_every_caller_as_the_table_says(site):
    wrong = list(wrong_answers(site, rows_of(), open_to_read=True))
    assert not wrong, "\n".join(wrong)


def test_where_reading_needs_a_sign_in_no_address_is_open(module_site, site):
    closed = module_site(access=access("signed-in"))
    closed.callers = [Caller("anonymous", "", {}, {})]
    rows = [row for row in rows_of() if row[1][0] not in (FREE, SIGNED_IN)]
    assert list(wrong_answers(closed, rows, open_to_read=False)) == []
    readable = [row for row in rows if row[1][0] == READ][:3]
    closed.callers = callers(closed)
    assert list(wrong_answers(closed, readable, open_to_read=False)) == []
