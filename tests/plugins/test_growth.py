"""No page reads more because a file holds more messages and samples of the same nodes, UPSes and days.

Each statement that pages run on a small file runs again on that file and on one with DENSER times as many
rows of the same time, and its instructions in SQLite are counted: they do not depend on the machine.
"""

import random
import re
import shutil
import sqlite3
from contextlib import closing

import pytest

from ingest.config.access import Access, Token
from ingest.config.model import Config, GatewaySettings
from ingest.db.connection import connect
from ingest.mysensors.replay import replay
from plugins.web.app.server import build
from plugins.web.saved_queries import SEQ
from reporting.canned_queries import load_queries
from reporting.sql_functions import register
from tests.plugins.site_helpers import BOT, BROWSER, SiteClient, bearer
from tests.plugins.ups_house import write_house

UPS_DAYS, NODE_DAYS, DENSER = 1.3, 12, 10
STEP_S = 60  # between samples: a chart of a day has several in each of its buckets
NODES, CHILDREN, EVERY_S = 3, 2, 1500
RAW = {  # what is denser -> the order of its copies
    "messages": "t.id",
    "readings": "t.id",
    "battery_levels": "t.id",
    "ups_samples": "strftime('%Y-%m-%dT%H:%M:%fZ', t.sampled_at, '+' || (6 * n.value) || ' seconds')",
}
COUNT_EVERY = 50  # instructions
RATIO, SPARE = 1.5, 30_000  # instructions more at most: of lists, of two days at the ends of a range
# What reads raw rows, and how many at most.
BOUNDED = {
    "from channels c cross join readings r": "the values of one node in a day",
    "limit 100001)": "what is counted stops there",
}
PAGES = (
    "/",
    "/nodes",
    "/nodes/main/2",
    "/nodes/main/2/0/V_TEMP?range=7+d",
    "/radio",
    "/radio?node=2",
    "/ups",
    "/ups?range=7+d",
    "/ups/rack@closet",
    "/ups/rack@closet?range=30+d",
    "/ups/rack@closet/input.voltage",
    "/energy",
    "/energy?period=day",
    "/events",
    "/events?tab=all",
    "/outages/{outage}",
    "/reports",
    "/reports?period=day",
    "/reports?period=year",
    "/search?q=node",
    "/-/batteries",
    "/-/ota",
    "/-/maintenance",
    "/-/maintenance?_json=1",
    "/-/alerts",
    "/-/plan",
    "/api/health",
    "/events.atom",
    "/batteries.ics",
    "/metrics",
    "/api.json",
    "/api/telemetry?ups=rack@closet",
    "/-/pulse.json",
)
ALL_RIGHTS = Access(tokens=(Token("bot", BOT, frozenset(("edit", "order", "upload", "maintain"))),))
READS = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
USUAL = {"node": "2", "ups": "rack@closet", "range": "7 d", "figure": "ups_load", "per": "day", "days": "7"}


def write_small(path):
    """Nodes that send at regular intervals, and the UPSes of the house."""
    house = write_house(path, UPS_DAYS, STEP_S, outages=[(20, 300, ("rack@closet",))])
    rnd = random.Random(3)
    start = house.now - NODE_DAYS * 86_400
    lines = []
    for at in range(int(start), int(house.now), EVERY_S):
        for node in range(1, NODES + 1):
            lines += [(at, f"{node};255;3;0;0;{rnd.randrange(40, 90)}".encode())]
            lines += [
                (at, f"{node};{child};1;0;{child % 2};{rnd.gauss(20, 3):.1f}".encode())
                for child in range(CHILDREN)
            ]
    replay(path, "main", "main:5003", lines, "UTC")


def write_dense(small, path):
    """The same with DENSER times as many raw rows: what is added up keeps its number of rows."""
    shutil.copy(small, path)
    with closing(connect(path, durable=False)) as connection:
        connection.execute("begin")
        for table, time_of in RAW.items():
            columns = [row[1] for row in connection.execute(f"pragma table_info({table})") if row[1] != "id"]
            values = ", ".join(time_of if name == "sampled_at" else f"t.{name}" for name in columns)
            connection.execute(f"create temp table before as select * from {table}")
            connection.execute(f"delete from {table}")
            connection.execute(
                f"insert into {table} ({', '.join(columns)}) select {values} from temp.before t "
                f"cross join json_each(?) n order by {time_of}",
                (str(list(range(DENSER))),),
            )
            connection.execute("drop table temp.before")
        connection.execute("commit")


@pytest.fixture
def statements(monkeypatch):
    """The statements that connections of this process run which are opened from now on."""
    found, connect_untraced = {}, sqlite3.connect

    def connect_traced(*arguments, **options):
        connection = connect_untraced(*arguments, **options)
        connection.set_trace_callback(found.setdefault)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_traced)
    return found


def instructions(connection, sql, params=()):
    """What a statement takes, to COUNT_EVERY instructions."""
    counted = [0]

    def count():
        counted[0] += COUNT_EVERY

    connection.set_progress_handler(count, COUNT_EVERY)
    for _ in connection.execute(sql, params):
        pass
    connection.set_progress_handler(None, 0)
    return counted[0]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("growth")
    write_small(folder / "house.db")
    write_dense(folder / "house.db", folder / "dense.db")
    return folder / "house.db", folder / "dense.db"


def growing(files, statements):
    """The statements that grow, with their instructions on the small file and on the dense one."""
    found = []
    with (
        closing(connect(files[0], readonly=True)) as small,
        closing(connect(files[1], readonly=True)) as dense,
    ):
        for connection in (small, dense):
            register(connection, "UTC")
        for name, (sql, params) in statements.items():
            few, many = (instructions(connection, sql, params) for connection in (small, dense))
            if many > RATIO * few + SPARE:
                found.append(f"{few} -> {many}: {' '.join(name.split())}")
    return found


def test_canned_queries(files):
    statements = {}
    for name, query in load_queries().items():
        if query.writes:
            continue
        usual = {key: USUAL[key] for key in query.params if key in USUAL}
        statements[name] = query.sql, query.fill({})
        statements[f"{name} {usual}"] = query.sql, query.fill(usual)
    found = growing(files, statements)
    assert not found, "\n".join(found)


def test_a_list_of_all_queries_reads_once_which_there_are(files, monkeypatch):
    asked, connect_untraced = [], sqlite3.connect

    def connect_traced(*arguments, **options):
        connection = connect_untraced(*arguments, **options)
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_traced)
    site = SiteClient(build(Config(database=files[0], timezone="UTC")))
    site.get("/telemetry.json")  # saved queries are read at their first use
    asked.clear()
    assert len(site.get("/telemetry.json").json()["queries"]) > 25
    assert asked.count(SEQ) == 1
    site.close()


def test_own_pages(files, statements):
    gateways = (GatewaySettings("main", tcp="main:5003"),)
    site = SiteClient(build(Config(database=files[0], timezone="UTC", gateways=gateways, access=ALL_RIGHTS)))
    outage = site.rows("select max(id) as id from events where event = 'ONBATT'")[0][0]
    for page in PAGES:
        answer = site.get(page.format(outage=outage), headers={**BROWSER, **bearer()})
        assert answer.status_code in (200, 302), (page, answer.text)
    site.close()
    read = {
        sql: (sql, ())
        for sql in statements
        if READS.match(sql) and not any(text in " ".join(sql.split()) for text in BOUNDED)
    }
    assert len(read) > 200
    found = growing(files, read)
    assert not found, "\n".join(found)
