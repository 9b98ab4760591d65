"""Refusals that repeat are counted in one row, and no user fills the audit with others."""

import sqlite3
import time

import pytest

from ingest.db.time import format_utc
from ingest.orders.audit import MOST_REFUSALS, REPEATED_S, audit
from plugins.web.hidden_tables import guard_tables
from plugins.web.transaction import audit_refusal
from tests.plugins.site_helpers import ACCESS, BOT, bearer


@pytest.fixture
def audited(module_site):
    site = module_site(access=ACCESS)
    connection = sqlite3.connect(site.datasette.config.database)
    connection.execute("delete from audit")
    guard_tables(connection)
    yield connection
    connection.close()


def rows(connection):
    connection.set_authorizer(None)
    found = connection.execute(
        "select actor, action, subject, outcome, count from audit order by id"
    ).fetchall()
    guard_tables(connection)
    return found


def test_a_refusal_that_repeats_is_counted(audited):
    for _ in range(500):
        audit_refusal(audited, "bot", "order", "node 12", "{}", outcome="refused: no")
    audit_refusal(audited, "ci", "order", "node 12", "{}", outcome="refused: no")
    audit_refusal(audited, None, "sign-in", outcome="refused: unknown name")
    audit(audited, "bot", "order", "node 12", "{}", "done")
    audit_refusal(audited, "bot", "order", "node 12", "{}", outcome="refused: no")
    assert rows(audited) == [
        ("bot", "order", "node 12", "refused: no", 501),
        ("ci", "order", "node 12", "refused: no", 1),
        (None, "sign-in", "", "refused: unknown name", 1),
        ("bot", "order", "node 12", "done", 1),
    ]


@pytest.mark.parametrize("vary", ["subject", "outcome", "action"])
def test_refusals_that_differ_fill_no_audit(audited, vary):
    for number in range(4 * MOST_REFUSALS):
        fields = {"subject": "x", "outcome": "refused: x", "action": "x"}
        fields[vary] += str(number)
        audit_refusal(audited, "bot", fields["action"], fields["subject"], outcome=fields["outcome"])
    found = rows(audited)
    assert len(found) == MOST_REFUSALS + 1 and sum(row[-1] for row in found) == 4 * MOST_REFUSALS
    assert found[-1][1] == "any" and found[-1][-1] == 3 * MOST_REFUSALS
    audit_refusal(audited, "ci", "order", "x", outcome="refused: x")  # of another user
    assert rows(audited)[-1][0] == "ci"


def test_a_later_refusal_is_a_row_of_its_own(audited):
    audit_refusal(audited, "bot", "order", outcome="refused: no")
    past = format_utc(time.time() - REPEATED_S - 1)
    audited.execute("update audit set at = ?", (past,))
    audit_refusal(audited, "bot", "order", outcome="refused: no")
    assert [row[-1] for row in rows(audited)] == [1, 1]


def test_refused_writes_of_the_site_are_one_row(module_site):
    site = module_site(access=ACCESS)
    before = site.rows("select coalesce(max(id), 0) from audit")[0][0]
    for _ in range(5):
        assert site.post("/-/ota/updates", headers=bearer(BOT)).status_code == 403
    found = site.rows("select actor, action, count, last_at is not null from audit where id > ?", before)
    assert found == [("bot", "schedule_update", 5, 1)]
