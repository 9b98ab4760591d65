"""The page /-/maintenance, its actions, the backup download, and /-/delete."""

import asyncio
import re
import sqlite3
import time
from contextlib import closing
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from datasette_auth_passwords.utils import hash_password

from ingest.config.model import Access, Person, Token
from ingest.config.periodic import ReportSettings, ScheduledCommand
from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.maintenance.jobs import JOBS, run_due
from plugins.web.app.server import build
from tests.helpers.due_jobs import have_missed
from tests.plugins.site_helpers import ACCESS, BROWSER, PASSWORD, READER, bearer
from tests.plugins.ups_house import House
from voltkeeper.growth import growth_lines

KEEPER = "keeper-token-0123456789"
MAINTAINERS = Access(
    people=(Person("owner", hash_password(PASSWORD, iterations=1000), frozenset({"maintain"})),),
    tokens=(Token("keeper", KEEPER, frozenset({"maintain"})), Token("reader", READER)),
)


@pytest.fixture
def maintained(make_site):
    return make_site(access=MAINTAINERS)


def test_the_page_shows_disk_space_jobs_retention_and_versions(maintained):
    page = maintained.page("/-/maintenance")
    for phrase in (
        "Storage",
        "messages",
        "permanently",
        "30 days",
        "Delete rows older",
        "No prune has run yet",
        "1 unreadable line in the last day",
        "Datasette".lower(),
        "SQLite",
        "keeping",
        "disabled",
    ):
        assert phrase in page, phrase
    assert "Download a copy" not in page
    maintained.login()
    page = maintained.page("/-/maintenance")
    assert "Download a copy" in page and 'action="/-/maintenance/prune"' in page
    have_missed(maintained.datasette.config.database)
    run_due(maintained.datasette.config)
    page = maintained.page("/-/maintenance")
    assert "No prune has run yet" not in page and "tables measured" in page and "indexes, measured" in page
    data = maintained.get("/-/maintenance?_json=1").json()
    tables = {table["name"]: table for table in data["tables"]}
    assert (
        tables["messages"]["rows"] == 19
        and not tables["messages"]["about"]
        and tables["messages"]["bytes"] > 0
    )
    assert {chore["name"] for chore in data["chores"]} == set(JOBS)
    assert data["disk"]["bytes"] > data["disk"]["free"] > 0 and data["disk"]["days_until_full"] is None
    assert "too short a time to show growth" in page and tables["messages"]["days"] == 30
    # Of events, those that may come often are pruned, the others stay: both tables of the page say so.
    assert (tables["events"]["days"], tables["events"]["days_of_some"]) == (None, 365)
    assert "frequent ones 365 days" in page and "outages stay" in page
    config = maintained.datasette.config
    assert "is not known: rows of less than 3 days" in growth_lines(config)[0]
    with closing(connect(config.database)) as connection:
        first = "(select min(id) from messages)"
        old = format_utc(time.time() - 10 * 86_400)
        connection.execute(f"update messages set received_at = ? where id = {first}", (old,))
    page = maintained.page("/-/maintenance")
    assert "over 10" in page and "a day, if nothing else fills the disk" in page
    assert re.search(r"^disk +\S+ GB free; full not within 10 years at \S+ kB a day", growth_lines(config)[0])
    metrics = maintained.get("/metrics").text
    assert re.search(r"^voltkeeper_disk_free_bytes \d", metrics, re.MULTILINE)
    assert re.search(r"^voltkeeper_database_growth_bytes_per_day \d", metrics, re.MULTILINE)
    assert not re.search(r"^voltkeeper_disk_full_in_seconds", metrics, re.MULTILINE)


def test_batteries_and_locations_are_saved_at_once(make_site):
    site = make_site(access=ACCESS)
    House(site.datasette.config.database, days=1, step=3600).write()
    page = site.page("/-/batteries")
    assert "Greenhouse 12" in page and "Sign in</a> to change them" in page and 'id="node-0"' not in page
    site.login()
    names = re.findall(r'name="((?:ups-)?(?:location|changed)-\d+)"', site.page("/-/batteries"))
    assert names[:2] == ["location-12", "changed-12"]  # with a battery
    assert len(names) == 2 * 3 + 3, "place and battery of three nodes, batteries of three UPSes"
    sent = {name: f"Shelf {name}" if name.startswith("location") else "2026-01-31" for name in names}
    answer = site.post("/-/batteries", data={**sent, "csrftoken": site.token()}, headers=BROWSER)
    assert answer.headers["location"] == "/-/batteries"
    assert site.rows(
        "select count(distinct location), count(battery_changed_at) from nodes where node_id <> 0"
    ) == [(3, 3)]
    assert site.rows("select count(battery_changed_at) from ups") == [(3,)]
    saved = site.rows("select action, count(*) from audit where outcome = 'done' group by 1 order by 1")
    assert dict(saved) == {
        "battery_changed": 3,
        "save_batteries": 1,
        "set_location": 3,
        "sign-in": 1,
        "ups_battery_changed": 3,
    }
    again = {name: "" if "changed" in name else text for name, text in sent.items()}
    assert site.post("/-/batteries", json=again, headers={"x-csrftoken": site.token()}).json()["changes"] == 0


def test_of_batteries_and_locations_all_are_saved_or_none(make_site):
    site = make_site(access=ACCESS)
    House(site.datasette.config.database, days=1, step=3600).write()
    site.login()
    first, second = (row[0] for row in site.rows("select id from nodes where node_id <> 0 limit 2"))
    sent = {f"location-{first}": "Shelf", f"changed-{second}": "2126-01-31", "location-999999": "", "x": "y"}
    answer = site.post("/-/batteries", json=sent, headers={"x-csrftoken": site.token()})
    assert answer.status_code == 400
    errors = "\n".join(answer.json()["errors"])
    assert "lies in the future" in errors and "999999" in errors and "x is no field" in errors
    assert "Nothing was changed" in errors
    assert site.rows("select count(*) from nodes where location = 'Shelf'") == [(0,)]


def test_without_the_right_to_read_nothing_is_shown(make_site):
    site = make_site(access=Access(read="signed-in", people=MAINTAINERS.people, tokens=MAINTAINERS.tokens))
    for path in ("/-/maintenance", "/-/delete?what=node&node=12", "/-/maintenance/backup.db"):
        assert site.get(path, headers={"accept": "application/json"}).status_code in (401, 403), path
        assert "house.db" not in site.get(path, headers=BROWSER).text
    assert site.get("/-/maintenance", headers=bearer(READER)).status_code == 200


@pytest.mark.parametrize("path", ["/-/maintenance/prune", "/-/delete"])
def test_maintenance_needs_the_right(maintained, path):
    body = {"what": "node", "node": "12", "confirm": "yes"}
    assert maintained.post(path, json=body).status_code == 401
    assert maintained.post(path, json=body, headers=bearer(READER)).status_code == 403
    maintained.login()
    maintained.token()
    assert maintained.post(path, data={**body, "csrftoken": "wrong"}).status_code == 403
    assert maintained.rows("select count(*) from deletions") == [(0,)] and maintained.rows(
        "select count(*) from chores"
    ) == [(0,)]
    maintained.cookies.clear()
    assert maintained.get("/-/maintenance/backup.db", headers=bearer(READER)).status_code == 403


def test_run_now_is_requested_executed_and_audited(maintained):
    every = ("prune", "quick_check", "check", "optimize", "compact", "measure")
    for name in every:
        response = maintained.post(f"/-/maintenance/{name}", headers=bearer(KEEPER))
        assert response.status_code == 202 and response.json()["ok"] is True, response.text
    assert maintained.post("/-/maintenance/backup", headers=bearer(KEEPER)).status_code == 409
    assert maintained.post("/-/maintenance/nonsense", headers=bearer(KEEPER)).status_code == 404
    assert set(run_due(maintained.datasette.config)) == set(every)
    assert maintained.rows(
        "select distinct outcome, started_by, wanted_at from chores where name <> 'backup'"
    ) == [("done", "keeper", None)]
    assert maintained.rows("select started_by, state from retention_runs") == [("keeper", "done")]
    assert maintained.rows(
        "select count(*) from audit where action like 'run %' and actor = 'keeper' and outcome = 'done'"
    ) == [(len(every),)]


SELFTEST = ScheduledCommand("selftest", "month", "rack@closet", "test.battery.start.quick")


def test_all_jobs_are_listed_paused_and_resumed(make_site):
    site = make_site(
        access=MAINTAINERS, reports=(ReportSettings("monthly", "month", ("mail",)),), schedule=(SELFTEST,)
    )

    def chore(name):
        return next(one for one in site.get("/-/maintenance?_json=1").json()["chores"] if one["name"] == name)

    assert [chore(name)["runner"] for name in ("prune", "monthly", "selftest")] == [
        *("site", "outbound", "ingest"),
    ]
    assert chore("selftest")["schedule"] == "every month on day 1 at 10:00" and chore("selftest")["next_at"]
    have_missed(site.datasette.config.database, 40, ["selftest"], "ingest")
    have_missed(site.datasette.config.database, 40, ["monthly"], "outbound")
    assert chore("selftest")["waits_for"] == "the UPS to be read for the first time"
    assert chore("monthly")["waits_for"] == "voltkeeper outbound, which is not running"
    assert "waits for the UPS to be read for the first time" in site.page("/-/maintenance")
    assert [chore(name)["at"] for name in ("prune", "selftest", "check")] == ["03:00", "10:00", None]
    for path in ("selftest/pause", "monthly", "monthly/pause"):
        answer = site.post(f"/-/maintenance/{path}", headers=bearer(KEEPER))
        assert answer.status_code in (200, 202), answer.text
        assert site.post(f"/-/maintenance/{path}", headers=bearer(READER)).status_code == 403
    assert site.post("/-/maintenance/selftest/pause", headers=bearer(KEEPER)).status_code == 409
    assert site.post("/-/maintenance/check/pause", headers=bearer(KEEPER)).status_code == 409
    assert site.post("/-/maintenance/selftst/pause", headers=bearer(KEEPER)).status_code == 404
    assert (chore("selftest")["paused_by"], chore("selftest")["next_at"]) == ("keeper", None)
    assert chore("monthly")["wanted_at"]
    site.login()
    page = site.page("/-/maintenance")
    assert "paused " in page and 'formaction="/-/maintenance/selftest/resume"' in page
    assert "Report monthly of the last month" in page and "every month on day 1 at 07:00" in page
    assert site.post("/-/maintenance/selftest/resume", headers=bearer(KEEPER)).status_code == 200
    assert site.post("/-/maintenance/selftest/resume", headers=bearer(KEEPER)).status_code == 409
    assert chore("selftest")["paused_at"] is None and chore("selftest")["next_at"]
    assert dict(
        site.rows("select action, outcome from audit where subject = 'selftest' and outcome = 'done'")
    ) == {
        "pause selftest": "done",
        "resume selftest": "done",
    }


def test_a_backup_can_be_downloaded(maintained, tmp_path):
    response = maintained.get("/-/maintenance/backup.db", headers=bearer(KEEPER))
    assert response.status_code == 200 and "attachment" in response.headers["content-disposition"]
    copy = tmp_path / "taken.db"
    copy.write_bytes(response.content)
    connection = sqlite3.connect(copy)
    assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    assert (
        connection.execute("select count(*) from messages").fetchone()
        == maintained.rows("select count(*) from messages")[0]
    )
    connection.close()
    assert not list(tmp_path.glob(".*copy-*"))
    assert maintained.rows("select actor, outcome from audit where action = 'download backup'") == [
        ("keeper", "done")
    ]


def test_a_node_is_deleted_after_a_plan_and_a_confirmation(maintained):
    plan = maintained.get("/-/delete?what=node&node=main/12").json()
    rows = {row["table"]: row["rows"] for row in plan["rows"]}
    assert rows["messages"] == 10 and rows["nodes"] == 1 and plan["subject"] == "Greenhouse 12 (main/12)"
    assert maintained.rows("select count(*) from messages where node = 12") == [(10,)]
    unconfirmed = maintained.post("/-/delete", json={"what": "node", "node": 12}, headers=bearer(KEEPER))
    assert unconfirmed.status_code == 400 and "confirm" in unconfirmed.json()["errors"][0]
    done = maintained.post(
        "/-/delete", json={"what": "node", "node": 12, "confirm": True}, headers=bearer(KEEPER)
    )
    assert done.status_code == 202 and done.json()["deletion"] == 1
    again = maintained.post(
        "/-/delete", json={"what": "node", "node": 12, "confirm": True}, headers=bearer(KEEPER)
    )
    assert again.status_code == 409
    run_due(maintained.datasette.config)
    assert maintained.rows("select count(*) from messages where node = 12") == [(0,)]
    maintained.page("/nodes/main/12", status=404)
    assert "Greenhouse 12 (main/12)" in maintained.page("/-/maintenance")
    assert maintained.rows(
        "select subject, outcome from audit where action = 'delete' and outcome = 'done'"
    ) == [("Greenhouse 12 (main/12)", "done")]
    assert maintained.rows("select id from nodes order by id") == [(0,), (7,), (256,), (268,)]


def test_a_browser_deletes_from_the_page_of_the_node(maintained):
    assert "Delete this node" in maintained.page(
        "/nodes/main/12"
    ) and 'sensor=3073">delete' not in maintained.page("/nodes/main/12")
    assert "why-maintain" in maintained.page("/-/delete?what=node&node=12")
    maintained.login()
    assert "/-/delete?what=sensor&amp;sensor=3073" in maintained.page("/nodes/main/12")
    for path, phrase in (
        ("/-/delete?what=node&node=12", "Delete <bdi>Greenhouse 12 (main/12)</bdi>?"),
        ("/-/delete?node=12&what=requests", "requests of Greenhouse"),
        ("/-/delete?what=sensor&sensor=3073", "sensor Greenhouse 12"),
        ("/-/delete?what=before&before=2026-01-01", "everything before 2026-01-01"),
    ):
        assert phrase in maintained.page(path), path
    fields = {
        "csrftoken": maintained.token(),
        "what": "sensor",
        "sensor": "3073",
        "confirm": "yes",
        "next": "/nodes/main/12",
    }
    response = maintained.post("/-/delete", data=fields, headers=BROWSER)
    assert (response.status_code, response.headers["location"]) == (302, "/nodes/main/12")
    run_due(maintained.datasette.config)
    assert maintained.rows("select id from sensors where node = 12") == [(3074,)]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 400, "what is one of"),
        ("what=node", 400, "node is needed"),
        ("what=node&node=99", 404, "No node 99"),
        ("what=sensor&sensor=x", 400, "sensor is needed"),
        ("what=sensor&sensor=1", 404, "No sensor 1"),
        ("what=before", 400, "before is needed"),
        ("what=before&before=2026-02-30", 400, "no such day"),
        ("what=before&before=2090-01-01", 400, "future"),
    ],
)
def test_a_plan_refuses_with_a_message(maintained, query, status, words):
    response = maintained.get(f"/-/delete?{query}")
    assert response.status_code == status and words in response.json()["errors"][0], response.text


def test_charts_and_statistics_are_the_same_after_a_prune(make_site, tmp_path):
    from ingest.config.retention import Retention
    from ingest.mysensors.replay import replay
    from tests.helpers.new_database import new_database

    path, end = tmp_path / "house.db", time.time() - 90
    new_database(path)
    replay(
        path,
        "main",
        "tcp main:5003",
        [(end - (8000 - n) * 500, f"{1 + n % 2};1;1;0;0;{20 + n % 9}".encode()) for n in range(8000)],
        "UTC",
    )
    site = make_site(
        access=MAINTAINERS, retention=Retention(messages_days=1, readings_days=1, rejects_days=1)
    )
    channel = site.rows("select min(id) from channels")[0][0]
    paths = [
        f"/telemetry/channel_history.json?_shape=array&channel={channel}&range={span}"
        for span in ("24+h", "7+d", "30+d", "1+y")
    ]
    paths += [
        "/telemetry/channel_history.json?_shape=array&range=30+d",
        "/telemetry/message_statistics.json?_shape=array&days=40",
        "/telemetry/value_latest.json?_shape=array&_col=id&_col=value&_col=readings",
    ]
    before = [site.get(path).json() for path in paths]
    assert all(before)
    have_missed(site.datasette.config.database)
    run_due(site.datasette.config)
    assert site.rows("select count(*) from readings")[0][0] < 200
    assert [site.get(path).json() for path in paths] == before
    two_days = site.get(f"/telemetry/channel_history.json?_shape=array&channel={channel}&range=2+d").json()
    assert sum(row["readings"] for row in two_days) > 150  # raw values of one day alone would be half of that


def test_the_site_prunes_automatically(maintained):
    have_missed(maintained.datasette.config.database)

    async def live():
        house = build(maintained.datasette.config)
        await house.invoke_startup()
        app, inbox, sent = house.app(), asyncio.Queue(), asyncio.Queue()
        task = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, inbox.get, sent.put))
        await inbox.put({"type": "lifespan.startup"})
        for _ in range(200):
            await asyncio.sleep(0.05)
            if kept_rows(house.config.database, "select outcome from chores where name = 'measure'") == [
                ("done",)
            ]:
                break
        await inbox.put({"type": "lifespan.shutdown"})
        await asyncio.wait_for(task, 5)
        for database in house.databases.values():
            database.close()

    maintained.run(live())
    assert maintained.rows("select state, started_by from retention_runs") == [("done", "schedule")]


def kept_rows(path, sql):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_before_today_is_before_its_midnight(make_site):
    """Rows of today stay; the day is that of the site's time zone."""
    for timezone in ("Asia/Tokyo", "America/New_York"):
        site = make_site(access=MAINTAINERS, timezone=timezone)
        today = datetime.now(ZoneInfo(timezone)).date()
        midnight = format_utc(datetime.combine(today, datetime.min.time(), ZoneInfo(timezone)).timestamp())
        since = "select count(*) from messages where received_at >= ?"
        young = site.rows(since, midnight)
        body = {"what": "before", "before": today.isoformat(), "confirm": True}
        assert site.get(f"/-/delete?what=before&before={today}").json()["before_at"] == midnight
        assert site.post("/-/delete", json=body, headers=bearer(KEEPER)).status_code == 202
        assert site.post("/-/delete", json=body, headers=bearer(KEEPER)).status_code == 409
        assert (
            site.post("/-/delete", json=body | {"everything": 1}, headers=bearer(KEEPER)).status_code == 202
        )
        assert site.rows("select distinct before_at from deletions where state = 'queued'") == [(midnight,)]
        run_due(site.datasette.config)
        assert site.rows(since, midnight) == young


def test_files_of_a_killed_download_are_removed(make_site, tmp_path):
    for name in (".house.db-copy-x", ".cabin.db-copy-x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "copy.db").write_bytes(b"half")
    make_site(access=MAINTAINERS)
    assert [path.name for path in tmp_path.glob(".*-copy-*")] == [".cabin.db-copy-x"]


def test_the_page_works_when_a_table_was_emptied_after_it_was_measured(make_site):
    site = make_site(filled=False, access=MAINTAINERS)
    connection = connect(site.datasette.config.database)
    connection.execute(
        "insert into storage (name, rows, bytes, measured_at) "
        "values ('node_daily', 200000, 9, '2026-11-01T00:00:00.000Z')"
    )
    connection.close()
    assert "Storage" in site.page("/-/maintenance")


def test_a_node_is_replaced_after_a_plan_and_taken_back(maintained):
    plan = maintained.get("/-/replace?node=main/12&by=main/7").json()
    assert plan["subject"].startswith("Greenhouse 12 (main/12) by ") and plan["refusal"] is None
    assert {row["table"] for row in plan["rows"]} >= {"readings"} and plan["children"]
    page = maintained.page("/-/replace?node=main/12&by=main/7")
    assert "Move the history" in page and "why-maintain" in page
    assert 'action="/-/replace"' in maintained.page("/nodes/main/12")
    order = {"node": "main/12", "by": "main/7"}
    key = bearer(KEEPER)
    assert maintained.post("/-/replace", json=order, headers=key).status_code == 400
    same = maintained.post("/-/replace", json={**order, "by": "main/12", "confirm": True}, headers=key)
    assert same.status_code == 409 and "the same" in same.text
    placed = maintained.post("/-/replace", json={**order, "confirm": True}, headers=key)
    assert placed.status_code == 202 and placed.json()["replacement"] == 1
    run_due(maintained.datasette.config)
    assert maintained.rows("select state from node_replacements") == [("done",)]
    assert maintained.rows("select count(*) from readings where channel / 65536 = 12") == [(0,)]
    assert "Take back" in maintained.page("/-/maintenance")
    assert "goes on" in maintained.page("/nodes/main/12")
    back = maintained.post("/-/replace/1/revert", json={"confirm": True}, headers=key)
    assert back.status_code == 202, back.text
    run_due(maintained.datasette.config)
    assert maintained.rows("select state from node_replacements") == [("reverted",)]
    assert maintained.rows("select count(*) from readings where moved_from is not null") == [(0,)]
    assert maintained.rows(
        "select action, outcome from audit where action like '%repl%' and outcome = 'done'"
    )
    refused = maintained.post("/-/replace/1/retry", headers=key)
    assert refused.status_code == 409 and "is reverted" in refused.text
    with closing(connect(maintained.datasette.config.database)) as connection:
        connection.execute(
            "update node_replacements set state = 'failed', detail = 'disk is full', reverted_by = null"
        )
    assert 'action="/-/replace/1/retry"' in maintained.page("/-/maintenance")
    assert maintained.post("/-/replace/1/retry", headers=key).status_code == 202
    assert maintained.rows("select state, detail from node_replacements") == [("queued", "")]
    run_due(maintained.datasette.config)
    final = "Replacement 1 moved rows of the same node to the same place"
    assert final not in maintained.page("/-/replace?node=main/7&by=shed/12")
    assert final in maintained.page("/-/replace?node=main/12&by=main/7")
    child = maintained.get("/-/replace?sensor=3073&by=main/12/9").json()
    assert [(one["from"], one["to"], one["outcome"]) for one in child["children"]] == [(1, 9, "moves")]
    assert maintained.get("/-/replace?sensor=3073&by=main/12/999").status_code == 400


def test_a_suspect_clock_is_said_and_confirmed_by_a_button(maintained):
    path = "/-/maintenance/clock-is-right"
    with closing(connect(maintained.datasette.config.database)) as connection:
        connection.execute(
            "insert or replace into clock_state (id, boot_id, boottime_s, wall_at, suspect) "
            "values (1, 'other', 0, '2026-01-01T00:00:00.000Z', 'the clock says 2030: nothing is deleted')"
        )
        assert "the clock says 2030" in maintained.page("/")
        page = maintained.page("/-/maintenance")
        assert f'action="{path}"' in page and "the clock says 2030" in page
        assert maintained.post(path).status_code == 401
        assert maintained.post(path, headers=bearer(READER)).status_code == 403
        assert maintained.post(path, headers=bearer(KEEPER)).status_code == 200
        assert connection.execute("select confirmed_by, suspect from clock_state").fetchall() == [
            ("keeper", "")
        ]
    assert path not in maintained.page("/-/maintenance")
