"""The audit, sessions and what tells of the machine: for no anonymous reader, by no address and no SQL."""

import sqlite3
from urllib.parse import quote

import pytest

from plugins.web.hidden_tables import guard_tables
from plugins.web.table_guard import open_tables
from tests.plugins.site_helpers import ACCESS, BROWSER, READER, bearer

MARK = "mark-in-the-audit"
OF_THE_MACHINE = ("databases", "threads", "plugins", "settings", "versions")
ADDRESSES = (
    "/telemetry/audit",
    "/telemetry/audit.json",
    "/telemetry/audit.json?_shape=array",
    "/telemetry/audit.csv",
    "/telemetry/audit.csv?_stream=1",
    "/telemetry/audit?_facet=actor",
    "/telemetry/audit/1",
    "/telemetry/audit/1.json",
    "/telemetry/aud~69t.json",
    "/telemetry/of_audit.json",
    "/telemetry/of_audit?_facet=subject",
    "/telemetry/of_audit.csv",
    "/telemetry/nodes.json?_where=id+in+(select+id+from+audit)",
    "/telemetry/nodes.json?_where=exists(select+1+from+audit+where+actor='owner')",
)
SQL = (
    "select * from audit",
    "select count(*) from audit",
    'select subject from main."AUDIT"',
    "select 1 from audit where subject like 'mark%'",
    "with a as (select * from audit) select * from a",
    "select * from of_audit",
    "select (select subject from audit limit 1) as x",
    "select name from nodes union all select subject from audit",
    "select * from nodes where exists (select 1 from audit)",
    "explain select * from audit",
)


@pytest.fixture(scope="module")
def audited(module_site):
    site = module_site(access=ACCESS)
    path = site.datasette.config.database
    with sqlite3.connect(path) as connection:
        connection.execute(
            "insert into audit (actor, action, subject, outcome) values ('owner', 'x', ?, 'done')", (MARK,)
        )
        connection.execute("create view of_audit as select id, subject from audit")
    connection.close()
    return site


@pytest.mark.parametrize("path", [*ADDRESSES, *(f"/telemetry.json?sql={quote(sql)}" for sql in SQL)])
def test_the_audit_is_for_signed_in_users(audited, path):
    """Signed in first: SQLite keeps a statement that was allowed, and the thread is used again."""
    for _ in range(2):
        seen = audited.get(path, headers=bearer(READER))
        assert seen.status_code == 200, (path, seen.text)
        refused = audited.get(path)
        assert refused.status_code in (401, 403), (path, refused.status_code)
        assert MARK not in refused.text and "owner" not in refused.text


def test_a_browser_is_offered_to_sign_in(audited):
    assert "Sign in first" in audited.page("/telemetry/audit", 403)


def test_lists_leave_the_audit_out(audited):
    for path in ("/telemetry.json", "/.json", "/telemetry", "/api", "/api.json"):
        assert "/audit" not in audited.get(path).text.replace("of_audit", ""), path
    names = [one["name"] for one in audited.get("/telemetry.json").json()["tables"]]
    assert "nodes" in names and "audit" not in names
    seen = audited.get("/telemetry.json", headers=bearer(READER)).json()["tables"]
    assert "audit" in [one["name"] for one in seen]


@pytest.mark.parametrize("name", OF_THE_MACHINE)
def test_what_tells_of_the_machine_needs_a_signed_in_user(audited, name):
    for path in (f"/-/{name}", f"/-/{name}.json"):
        refused = audited.get(path)
        assert refused.status_code == 401 and str(audited.datasette.config.database) not in refused.text
        page = audited.get(path, headers=BROWSER)
        assert page.status_code == 302 and page.headers["location"].startswith("/-/login")
        if path != "/-/settings":  # a route of ours, for POST alone
            assert audited.get(path, headers=bearer(READER)).status_code == 200
    for path in ("/-/metadata.json", "/-/actor.json"):
        assert audited.get(path).status_code == 200


def test_a_statement_that_was_allowed_once_is_checked_anew():
    connection = sqlite3.connect(":memory:")
    connection.execute("create table sessions (hash)")
    connection.execute("insert into sessions values ('x')")
    guard_tables(connection)
    with open_tables(connection, "sessions"):
        assert connection.execute("select * from sessions").fetchall() == [("x",)]
    for sql in ("select * from sessions", "select count(*) from sessions", "select rowid from sessions"):
        with pytest.raises(sqlite3.DatabaseError):
            connection.execute(sql)
    connection.close()
