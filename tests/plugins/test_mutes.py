"""Mutes from API and page: who may, what is refused, what is audited, and that home shows them to all."""

import re
from contextlib import closing
from dataclasses import replace

import pytest

from ingest.config.model import Token
from ingest.db.connection import connect
from ingest.ups.registry import insert
from tests.plugins.site_helpers import ACCESS, READER, bearer

KEEPER = "keeper-token-0123456789"
ADDRESS = "/-/alerts/mutes"


@pytest.fixture
def site(make_site):
    tokens = (*ACCESS.tokens, Token("keeper", KEEPER, frozenset({"maintain"})))
    site = make_site(access=replace(ACCESS, tokens=tokens))
    with closing(connect(site.datasette.config.database)) as connection:
        insert(connection, "rack@closet", "nut", "closet", "x/rack", "Rack")
        connection.execute(
            "insert into events (id, event, ups, started_at) values (109, 'ONBATT', 1, '2026-11-30')"
        )
    return site


def mute(site, token=KEEPER, **fields):
    return site.post(ADDRESS, json=fields, headers=bearer(token))


def test_a_mute_is_made_audited_shown_on_home_and_ended(site):
    answer = mute(site, ups="rack@closet", for_s=3600, reason="new batteries")
    assert answer.status_code == 201
    assert answer.json() | {"until": ""} == {
        **{"ok": True, "message": "Muted: UPS rack@closet is muted for 3600 s"},
        **{"mute": 1, "until": "", "event": None},
    }
    assert site.rows("select ups, until, reason, muted_by from mutes") == [
        ("rack@closet", answer.json()["until"], "new batteries", "keeper")
    ]
    assert mute(site, everything=1, until="end").json()["event"] == 109
    home = site.page("/")
    line = re.search(r'<aside id="mutes"[^>]*>(.*?)</aside>', home, re.S)[1]
    assert "Alerts are muted" in line and "UPS rack@closet" in line and "everything" in line
    assert "until ONBATT of rack@closet ends" in line and "keeper" not in line and "batteries" not in line
    assert site.post(f"{ADDRESS}/1/end", headers=bearer(KEEPER)).status_code == 200
    assert site.post(f"{ADDRESS}/1/end", headers=bearer(KEEPER)).status_code == 404
    assert "UPS rack@closet" not in re.search(r'<aside id="mutes".*?</aside>', site.page("/"), re.S)[0]
    assert site.rows("select action, subject, outcome from audit where actor = 'keeper' order by id") == [
        ("mute alerts", "UPS rack@closet", "done"),
        ("mute alerts", "everything", "done"),
        ("end mute", "mute 1", "done"),
        ("end mute", "", "refused: There is no mute 1 that could be ended: it has ended, or never was"),
    ]
    assert site.rows("select seq from changes where topic = 'mutes'") == [(3,)]


def test_the_form_of_the_page_names_its_scope_in_one_field(site):
    for what, until, expected in (
        ("ups:rack@closet", "60", ("rack@closet", None, None, 0, None)),
        ("node:main/7", "60", (None, "main/7", None, 0, None)),
        ("rule:defaults", "60", (None, None, "defaults", 0, None)),
        ("everything", "end", (None, None, None, 1, 109)),
    ):
        assert (
            site.post(ADDRESS, data={"what": what, "for_s": until}, headers=bearer(KEEPER)).status_code == 201
        )
        columns = "ups, node, rule, everything, event"
        assert site.rows(f"select {columns} from mutes order by id desc limit 1") == [expected]


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"for_s": 60}, 400, ""),
        ({"ups": "rack@clozet", "for_s": 60}, 404, "ups"),
        ({"node": "main/77", "for_s": 60}, 404, "node"),
        ({"everything": 1, "for_s": -5}, 400, "for_s"),
        ({"everything": 1, "until": "2027-01-01"}, 400, "until"),
    ],
)
def test_what_is_refused_names_its_field(site, fields, status, field):
    answer = mute(site, **fields)
    assert (answer.status_code, answer.json().get("field", "")) == (status, field), answer.text
    assert site.rows("select count(*) from mutes") == [(0,)]


def test_only_who_maintains_may_mute(site):
    assert mute(site, READER, everything=1, for_s=60).status_code == 403
    assert site.post(ADDRESS, json={"everything": 1, "for_s": 60}).status_code == 401
    assert site.rows("select count(*) from mutes") == [(0,)]


@pytest.mark.parametrize("table", ["mutes", "deliveries"])
def test_who_is_not_signed_in_reads_neither_mutes_nor_deliveries(site, table):
    mute(site, everything=1, for_s=60, reason="secret reason")
    with closing(connect(site.datasette.config.database)) as connection:
        connection.execute(
            "insert into deliveries (target, kind, severity, title, text) "
            "values ('phone', 'test', 'OK', 't', 'secret')"
        )
    for path in (
        f"/telemetry/{table}",
        f"/telemetry/{table}.json",
        f"/telemetry/{table}/1",
        f"/telemetry/{table}.csv",
    ):
        refused = site.get(path)
        assert refused.status_code in (401, 403) and "secret" not in refused.text, path
        assert site.get(path, headers=bearer(READER)).status_code == 200, path
    assert f"/telemetry/{table}" not in site.page("/telemetry")
    assert "Sign in first" in site.page(f"/telemetry/{table}", 403)
