"""SQL of visitors: it runs in processes of its own, ends in time, and takes nothing from the site."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from ingest.config.model import Config, GatewaySettings
from ingest.db.connection import connect
from ingest.schema.migrate import migrate
from plugins.web.app.server import build
from tests.plugins.site_helpers import ACCESS, SiteClient, bearer, fill
from tests.programs import child_environment

LATE = "SQL query took too long"
BIG = "string or blob too big"
MEMORY = "out of memory: a query may use 64 MB"
COMPLEX = "LIKE or GLOB pattern too complex"
MANY = "messages a, messages b, messages c, messages d"
INSTR = "instr(printf('%.*c',600000,'a'), printf('%.*c',300000,'a')||'b')"
ENDLESS = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"
HANGING = (
    ENDLESS,
    f"select count(*) from {MANY}, messages e, messages f",
    # One instruction of SQLite, which looks at no clock meanwhile: its process is killed.
    f"select {INSTR}",
    "select trim(printf('%.*c',900000,'b'), printf('%.*c',150000,'a') || 'b')",
)
HOSTILE = {
    "select hex(zeroblob(400000000))": BIG,
    "select zeroblob(100000000)": BIG,
    "select zeroblob(20000000) from messages a, messages b limit 100": BIG,
    f"select group_concat(hex(zeroblob(100000))) from {MANY}": f"{BIG}|{LATE}",  # LATE where it is busy
    f"select json_group_array(hex(zeroblob(1000))) from {MANY}": f"{BIG}|{MEMORY}",
    "select replace(printf('%.*c',2000,'a'),'a',printf('%.*c',2000,'b'))": BIG,
    f"select x from (select randomblob(100000) as x from {MANY}) order by x": MEMORY,
    f"select payload from messages where payload like '{'%a' * 300}'": COMPLEX,
    f"select payload from messages where payload glob '{'*a' * 300}'": COMPLEX,
    "select load_extension('x')": "not authorized",
    "select hex(FTS3_TOKENIZER('simple'))": "not authorized to use function",
    "select data from firmware_images": "the bytes of firmware images are not shown",
    "select 1; select 2": "one statement at a time",
}


MAIN = GatewaySettings("main", tcp="main:5003")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    path = tmp_path_factory.mktemp("visitors") / "house.db"
    migrate(path)
    fill(path)
    client = SiteClient(build(Config(title="x", database=path, timezone="UTC", gateways=(MAIN,))))
    client.datasette.sql_time_limit_ms = 20_000  # on a busy machine, too
    client.path = path
    yield client
    client.close()


def workers(site):
    return site.datasette.get_database("telemetry").workers


def address(sql, path="/telemetry.json", **more):
    return f"{path}?{urlencode({'sql': sql, **more})}"


def answer(site, *arguments, **options):
    response = site.get(address(*arguments, **options))
    assert response.status_code == 200, response.text
    return response.json()


@pytest.fixture
def short_limit(site, monkeypatch):
    monkeypatch.setattr(site.datasette, "sql_time_limit_ms", 200)


@pytest.mark.parametrize("sql", HANGING)
def test_sql_that_does_not_end_is_ended(site, short_limit, sql):
    response = site.get(address(sql))
    assert response.status_code == 400 and LATE in response.text
    page = site.page(address(sql, "/telemetry"), 400)
    assert "fewer rows (<code>limit</code>)" in page and "&lt;" not in page.split("<main")[1]
    response = site.get(f"/telemetry/messages.json?{urlencode({'_where': f'({sql})'})}")
    assert response.status_code == 400 and LATE in response.text


@pytest.mark.parametrize("sql", HOSTILE)
def test_sql_that_takes_too_much_is_refused_with_the_reason(site, sql):
    response = site.get(address(sql))
    assert response.status_code == 400 and re.search(HOSTILE[sql], response.text)
    assert len(workers(site).pids) <= 2


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("_where", "length(zeroblob(100000000))", BIG),
        ("_where", "1 in (select hard_heap_limit from pragma_hard_heap_limit)", "not authorized"),
        ("_where", "(select count(*) from firmware_images where data is not null)", "images are not shown"),
        ("_where", "1;select 1", "one statement at a time"),
        ("payload__like", "%a" * 300, COMPLEX),
        ("payload__glob", "*a" * 300, COMPLEX),
    ],
)
def test_so_are_conditions_on_a_table(site, name, value, message):
    response = site.get(f"/telemetry/messages.json?{urlencode({name: value})}")
    assert response.status_code == 400 and message in response.text


def test_pages_and_other_queries_do_not_wait_for_them(site):
    get = site.datasette.client.get

    async def ask_all():
        hostile = [asyncio.create_task(get(address(ENDLESS))) for _ in range(12)]
        paths = ("/nodes", "/-/pulse.json", "/telemetry/messages.json", "/telemetry/stale_nodes.json")
        answers = await asyncio.gather(*map(get, paths))
        assert [one.status_code for one in answers] == [200] * 4
        assert not any(one.done() for one in hostile)
        for one in hostile:
            one.cancel()
        await asyncio.wait(hostile)

    site.run(ask_all())
    workers(site).end_idle()


def test_one_address_has_its_share(site, short_limit):
    async def ask_all():  # the first keeps its process until that is killed
        return await asyncio.gather(
            *[site.datasette.client.get(address(f"select {INSTR}")) for _ in range(3)]
        )

    answers = site.run(ask_all())
    assert sorted(one.status_code for one in answers) == [400, 503, 503]
    assert any("Too many queries" in one.text for one in answers)


def test_a_long_answer_is_cut_with_its_mark_or_refused(site):
    long = f"select a.id, printf('%.*c',5000,'x') from {MANY}"
    cut = answer(site, long)
    assert cut["truncated"] and 500 < len(cut["rows"]) < 1000
    assert answer(site, f"select 1 from {MANY}")["truncated"]
    response = site.get(address(long, "/telemetry.csv"))
    assert response.status_code == 400 and "larger than 4 MB" in response.text
    wide = ",".join(["null"] * 1900)
    assert 0 < len(answer(site, f"select {wide} from {MANY}")["rows"]) < 100


def test_answers_are_those_of_datasette(site):
    found = answer(
        site,
        "select 1 as a, 2.5 as a, null as c, x'00ff' as blob, 'ö' as \"a \"\"b\", :p as p, "
        "ago('1 h') < ago('1 m') as d",
        p="seven",
    )
    assert found["columns"] == ["a", "a", "c", "blob", 'a "b', "p", "d"]
    assert found["rows"] == [[1, 2.5, None, {"$base64": True, "encoded": "AP8="}, "ö", "seven", 1]]
    assert answer(site, "select cast(x'61ff' as text) as t")["rows"] == [["a\ufffd"]]
    assert answer(site, "select value from json_each('[1, 2]')", _shape="array") == [
        {"value": 1},
        {"value": 2},
    ]
    assert answer(site, "select name from pragma_table_info('gateways') limit 1")["rows"] == [["id"]]
    assert "no such column: nope" in site.get(address("select nope")).text
    assert site.get(address("select 1 as one", "/telemetry.csv")).text == "one\r\n1\r\n"
    assert re.search(r"col-one.*?>1</td>", site.page(address("select 1 as one", "/telemetry")))


@pytest.mark.parametrize("sql", ["select nope", "select 1 from", "select * from nope", "delete from nodes"])
def test_sql_that_fails_is_refused_in_csv_too(sql, site):
    answer = site.get(address(sql, "/telemetry.csv"))
    assert answer.status_code == 400 and answer.headers["content-type"].startswith("text/plain")
    assert len(answer.text) > 5 and answer.text.count("\n") == 1
    page = site.get(address(sql, "/telemetry.csv"), headers={"accept": "text/html"})
    assert page.status_code == 400 and "<h1" in page.text
    assert site.get(address(sql, "/telemetry")).status_code == 400


def test_downloads_of_a_table_go_on_to_its_end(site, tmp_path):
    everything = len(site.rows("select id from messages"))
    for parameters in ("_stream=1", "_size=max", "_stream=1&_where=1", "_size=max&_where=id+>+0"):
        text = site.get(f"/telemetry/messages.csv?{parameters}").text
        assert len(text.splitlines()) == everything + 1, parameters
    found = site.get("/telemetry/messages.json?_where=id+>+0&_facet=node&_size=2").json()
    assert len(found["rows"]) == 2 and found["next"] and found["facet_results"]["node"]["results"]


def test_a_row_longer_than_visitors_may_make_is_shown_all_the_same(site):
    connection = connect(site.path)
    connection.execute("update gateways set version = printf('%.*c', 3000000, 'v') where id = 0")
    connection.close()
    assert len(site.get("/telemetry/gateways.json?_shape=array").json()[0]["version"]) == 3_000_000
    assert BIG in site.get("/telemetry/gateways.json?_where=1").text


def test_a_worker_that_was_killed_or_is_idle_is_replaced(site):
    answer(site, "select 1")
    (pid, *_) = workers(site).pids
    os.kill(pid, signal.SIGKILL)
    assert answer(site, "select 2 as two", _shape="array") == [{"two": 2}]
    assert pid not in workers(site).pids
    workers(site).end_idle()
    assert workers(site).pids == []


def test_a_worker_is_small_and_bounded():
    code = (
        "import sys, resource; from plugins.web.app.sql_workers import worker; worker.limit_process();"
        "print(resource.getrlimit(resource.RLIMIT_AS)[1] == worker.ADDRESS_SPACE_BYTES,"
        "sorted({'datasette', 'jinja2', 'starlette', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=child_environment(), capture_output=True, text=True
    )
    assert done.stdout.split(maxsplit=1) == ["True", "[]\n"], done.stderr


@pytest.mark.parametrize(
    ("sql", "anonymous", "known", "message"),
    [("signed-in", 401, 200, "Sign in first"), ("off", 401, 403, "`access: {sql: off}` in config.yml")],
)
def test_whose_sql_is_run(make_site, sql, anonymous, known, message):
    site = make_site(access=replace(ACCESS, sql=sql))
    refused = site.get(address("select 1"))
    assert refused.status_code == anonymous and message in refused.text
    assert site.get(address("select 1"), headers=bearer()).status_code == known
    assert site.get("/telemetry/messages.json?_where=1").status_code == 403
    assert site.get("/telemetry/messages.json?_size=1").status_code == 200
    assert site.get("/telemetry/stale_nodes.json").status_code == 200
    assert ("?sql=select" in site.page("/nodes")) == (sql != "off")
