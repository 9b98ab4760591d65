"""Datasette's own pages: what stands in their cells, the directory, pages of 100 rows, filters, rows."""

import html
import random
import re
import time
from contextlib import closing
from itertools import cycle
from urllib.parse import parse_qs, urlencode

import pytest
from datasette.utils import MultiParams

from ingest.db.connection import connect
from ingest.mysensors.replay import replay
from plugins.web.pages.directory import EXAMPLES, first_sentence, split_sentence
from plugins.web.pages.table_columns import columns_at_first, number_columns
from reporting.formatting import format_second
from tests.plugins.site_helpers import ACCESS
from tests.plugins.ups_house import House

MAX_BYTES = 60_000  # of the directory


def cell(site, sql):
    """The HTML of the only cell of a query."""
    text = site.page(f"/telemetry?{urlencode({'sql': sql})}")
    return re.search(r'<td class="[^"]*" data-label="[^"]*">(.*?)</td>', text, re.DOTALL)[1].strip()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "select '2026-07-01T10:00:00.123Z' as at",
            '<time datetime="2026-07-01T10:00:00.123Z" title="2026-07-01 10:00:00.123 UTC">'
            "1 Jul 2026 12:00:00</time>",
        ),
        ("select '2026-07-01' as at", "2026-07-01"),
        ("select 7384 as silent_s", '<span title="7384 s">2 h 03 min</span>'),
        ("select 0.25 as took_s", "0.25&nbsp;s"),
        ("select 0.01200008392 as took_s", '<span title="0.01200008392 s">0.012&nbsp;s</span>'),
        ("select 7384 as silent", "7384"),
        ("select 27184.123456 as value", "27184.12346"),
        ("select 27184.123456 as avg", '<span title="27184.12346">27184.123</span>'),
        ("select -0.00012345 as usual", '<span title="-0.00012345">-0.000123</span>'),
        ("select 999.9999 as avg", '<span title="999.9999">1000</span>'),
        ("select 0.0 as spread", "0"),
        ("select 1e300 as avg", "1e+300"),
        ("select 38.0 as battery_level", "38"),
        ("select 0.1 + 0.2 as watts", "0.3"),
        ("select 1 as complete", "yes"),
        ("select 0 as differs", "no"),
        ("select 2 as differs", "2"),
        ("select '$Rev: 826 $' as sketch_version", "revision 826"),
        (
            "select 'Critical' as state",
            '<span class="state critical"><span aria-hidden="true">■</span> Critical</span>',
        ),
        ("select '<b>' as name", "<bdi>&lt;b&gt;</bdi>"),
        ("select null as name", "&nbsp;"),
    ],
)  # fmt: skip
def test_a_cell_reads_as_people_write(module_site, sql, expected):
    site = module_site(filled=False, name="cells.db", timezone="Europe/Rome")
    assert cell(site, sql) == expected


def test_ids_and_technical_names_have_labels(power):
    _, site = power(days=1, step=600)
    with closing(connect(site.datasette.config.database)) as connection:
        connection.execute("update ups set label = 'Rack' where name = 'rack@closet'")
    number = site.rows("select id from ups where name = 'rack@closet'")[0][0]
    assert cell(site, f"select {number} as ups") == '<a href="/ups/rack@closet"><bdi>Rack</bdi></a>'
    named = cell(site, "select 'rack@closet' as name")
    assert (
        named == '<a href="/ups/rack@closet"><bdi>Rack</bdi></a> <span class="minor ref">rack@closet</span>'
    )
    assert cell(site, "select 'garage, rack@closet' as names") == "Garage, Rack"
    assert cell(site, "select 'garage,rack@closet,desk@closet' as names") == "all 3 UPSes"
    assert cell(site, "select 'garage, cellar' as names") == "garage, cellar"
    compared = site.page("/telemetry/ups_compare")
    assert re.search(r'<th [^>]*title="rack@closet">Rack</th>', compared)


def test_no_keyword_of_version_control_is_shown(make_site):
    site = make_site(filled=False)
    lines = [b"7;255;0;0;17;2.3.2", b"7;255;3;0;11;Greenhouse", b"7;255;3;0;12;$Rev: 826 $"]
    now = time.time()
    replay(site.datasette.config.database, "main", "tcp main:5003", [(now, line) for line in lines], "UTC")
    native = ("nodes", "nodes/7", "node_overview", "ota_nodes", "messages", "messages/3")
    for path in ("/nodes", "/-/ota", *(f"/telemetry/{name}" for name in native)):
        assert "$Rev" not in site.page(path), path
    assert "revision 826" in site.page("/telemetry/nodes")


def test_the_directory_lists_everything_once_and_is_light(site):
    text = site.page("/telemetry")
    assert len(text.encode()) < MAX_BYTES
    rows = site.rows("select name from sqlite_master where type in ('table', 'view')")
    names = [name for (name,) in rows if not name.startswith("sqlite_")]
    everything = site.page("/telemetry?_show_hidden=1")
    counts = {name: everything.count(f'href="/telemetry/{name}"') for name in names}
    hidden = {
        "audit",
        "deliveries",
        "mutes",
        "plan_runs",
        "plan_steps",
        "sessions",
        "firmware_images",
    }  # for nobody, or for users
    assert {name: count for name, count in counts.items() if count != 1 and name not in hidden} == {}
    assert text.count("<h2") >= 6 and "What happened" in text and "Rolled up by hour and by day" in text


@pytest.mark.parametrize("title", list(EXAMPLES))
def test_the_examples_of_sql_run(module_site, title):
    site = module_site(name="examples.db")
    response = site.get("/telemetry.json", params={"sql": EXAMPLES[title], "_shape": "array"})
    assert response.status_code == 200 and isinstance(response.json(), list)


@pytest.mark.parametrize(
    ("text", "first", "rest"),
    [
        (None, "", ""),
        ("One row per node. More\n follows.", "One row per node.", "More follows."),
        ("Without a stop", "Without a stop", ""),
        ("See e.g. nodes. Then", "See e.g. nodes.", "Then"),
    ],
)
def test_a_description_begins_with_its_first_sentence(text, first, rest):
    assert split_sentence(text) == (first, rest)
    assert first_sentence(text) == first.removesuffix(".")


def test_a_long_first_sentence_is_cut_between_words():
    assert first_sentence("word " * 60).endswith("word …") and len(first_sentence("word " * 60)) < 115


# Pages of rows


@pytest.fixture
def many(make_site):
    return make_site(filled=False)


NUMBERS = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 250) select i from n"


def numbers_of(text):
    return [int(found) for found in re.findall(r'<td class="col-i num"[^>]*>(\d+)', text)]


def test_rows_of_a_query_come_in_pages_of_100(many):
    seen, path = [], "/telemetry?sql=" + NUMBERS.replace(" ", "%20").replace("+", "%2B")
    address = path
    for _ in range(3):
        text = many.page(address)
        assert "250 rows" in text
        seen.append(numbers_of(text))
        more = re.search(r'href="([^"]+)" rel="next"', text)
        address = html.unescape(more[1]) if more else None
    assert seen == [list(range(1, 101)), list(range(101, 201)), list(range(201, 251))] and address is None
    assert numbers_of(many.page(path + "&_page=99")) == list(range(201, 251))
    assert numbers_of(many.page(path + "&_page=x")) == list(range(1, 101))


def test_data_of_a_query_has_all_rows(many):
    params = {"sql": NUMBERS, "_page": "2"}
    assert len(many.get("/telemetry.json", params=params).json()["rows"]) == 250
    assert len(many.get("/telemetry.csv", params=params).text.splitlines()) == 251


def test_a_canned_query_is_paged_and_a_table_keeps_its_own_pages(power):
    _, site = power(days=2, step=300)
    text = site.page("/telemetry/ups_history?range=2+d")
    rows = len(site.get("/telemetry/ups_history.json?range=2+d&_shape=array").json())
    assert rows > 100 and text.count("<tr>") == 1 + 100 and f"{rows:,} rows" in text
    assert "JSON and CSV have" in text and 'data-label="Average"' in text
    assert site.page("/telemetry/ups_samples?_size=150&_page=2").count("<tr>") == 1 + 150


def ids_of(site, path):
    """The ids of all rows, page by page."""
    found = []
    while path:
        answer = site.get(path).json()
        found += [row[0] for row in answer["rows"]]
        path = answer["next_url"] and answer["next_url"].removeprefix("http://localhost")
    return found


def steps_of(connection, sql, params):
    """How many hundreds of steps SQLite takes for a statement."""
    steps = []
    connection.set_progress_handler(lambda: steps.append(1), 100)
    connection.execute(sql, params).fetchall()
    connection.set_progress_handler(None, 0)
    return len(steps)


def test_samples_of_a_ups_come_by_id_though_their_times_do_not(power):
    _, site = power(days=2, step=20)
    samples = "/telemetry/ups_samples"
    with closing(connect(site.datasette.config.database)) as connection:
        of_ups = "from ups_samples where ups = 1 order by id desc"
        ids = [row[0] for row in connection.execute(f"select id {of_ups}")]
        assert ids_of(site, f"{samples}.json?ups=1&_size=3000") == ids
        query = site.get(f"{samples}.json?ups=1").json()["query"]
        plain = steps_of(connection, f"select * {of_ups} limit 51", {})
        assert steps_of(connection, query["sql"], query["params"]) < plain / 2
        year = "strftime('%Y-%m-%dT%H:%M:%fZ', sampled_at, '-1 year')"
        slow = f"update ups_samples set sampled_at = {year} where id = ?"
        connection.executemany(slow, [(one,) for one in ids[::7]])  # the clock was a year slow
        connection.commit()
    assert ids_of(site, f"{samples}.json?ups=1&_size=1500") == ids
    assert ids_of(site, f"{samples}.json?ups__exact=1&_size=max&_sort_desc=id") == ids
    rows = site.get(f"{samples}.csv?ups=1&_stream=on").text.splitlines()[1:]
    assert [int(row.split(",")[0]) for row in rows] == ids


@pytest.mark.parametrize(
    "more",
    [
        "&ups_status=OL",
        "&_sort=id",
        "&_where=watts+is+null",
        "&_facet=ups_status",
        "&ups__not=2",
        "&_nocount=",
    ],
)
def test_other_filters_orders_and_facets_of_samples_see_all_rows(power, more):
    _, site = power(days=1, step=300)
    answer = site.get(f"/telemetry/ups_samples.json?ups=1{more}").json()
    assert "bound_rows" not in answer["query"]["sql"]


@pytest.mark.parametrize(
    ("table", "column"), [("readings", "channel"), ("polls", "ups"), ("ups_figures", "ups")]
)
def test_rows_of_a_channel_or_a_ups_come_by_id(make_site, table, column):
    site = make_site(filled=False)
    write = {
        "readings": "readings (received_at, channel, value, text) values (?1, ?2, ?3, '')",
        "polls": "polls (started_at, ended_at, ups, count, outcome) values (?1, ?1, ?2, ?3, 'timeout')",
        "ups_figures": "ups_figures (sampled_at, ups, variable, value) values (?1, ?2, 'x' || ?3, 1)",
    }
    with closing(connect(site.datasette.config.database)) as connection:
        connection.execute("pragma foreign_keys = off")
        rnd = random.Random(7)
        rows = [
            (f"2026-07-01T10:{rnd.randrange(60):02}:00.000Z", rnd.randrange(2), rnd.randrange(5))
            for _ in range(900)
        ]
        connection.executemany(f"insert into {write[table]}", rows)
        connection.commit()
        ids = connection.execute(f"select id from {table} where {column} = 1 order by id desc").fetchall()
    assert ids_of(site, f"/telemetry/{table}.json?{column}=1") == [row[0] for row in ids]
    assert "bound_rows" in site.get(f"/telemetry/{table}.json?{column}=1").json()["query"]["sql"]


@pytest.mark.parametrize(
    ("table", "column", "write"),
    [
        ("readings", "channel", "readings (received_at, channel, text) values (?, ?, '')"),
        ("ups_samples", "ups", "ups_samples (sampled_at, ups, ups_status) values (?, ?, 'OL')"),
    ],
)
def test_the_newest_rows_are_looked_up_by_their_time(make_site, table, column, write):
    site = make_site(filled=False)
    with closing(connect(site.datasette.config.database)) as connection:
        connection.execute("pragma foreign_keys = off")
        moments = (f"2026-07-01T10:{second // 60:02}:{second % 60:02}.000Z" for second in range(3600))
        connection.executemany(f"insert into {write}", zip(moments, cycle((1, 2))))
        connection.commit()
        query = site.get(f"/telemetry/{table}.json?{column}=1").json()["query"]
        plain = f"select * from {table} where {column} = 1 order by id desc limit 51"
        steps = steps_of(connection, query["sql"], query["params"])
        assert steps < steps_of(connection, plain, {}) / 3


@pytest.mark.parametrize("value", ["", "x", "-1", "9" * 19, "9" * 4400, "1.5", "%C2%B2", "1&ups=2"])
def test_a_ups_that_is_not_there_has_no_samples(power, value):
    _, site = power(days=1, step=300)
    answer = site.get(f"/telemetry/ups_samples.json?ups={value}")
    assert answer.status_code in (200, 400) and not answer.json().get("rows")
    for before in ("", "x", "$null", "-3", "1,2,3", "9" * 30):
        assert site.get(f"/telemetry/ups_samples.json?ups=1&_next={before}").status_code in (200, 400)


# Filters and rows


def test_a_filter_of_the_form_is_applied(site):
    answer = site.get("/telemetry/nodes?_filter_column=node_id&_filter_op=gt&_filter_value=200")
    assert answer.status_code == 302 and answer.headers["location"].endswith(
        "/telemetry/nodes?node_id__gt=200"
    )
    text = site.page("/telemetry/nodes?node_id__gt=300")
    assert "No row matches: 0 rows." in text and '<details class="drawer card" open>' in text
    assert 'value="node_id" selected>Node id</option>' in text


def test_the_form_of_columns_shows_those_that_are_chosen(site):
    text = site.page("/telemetry/nodes?_col=name&_col=last_seen_at")
    assert "3 of 29 shown" in text or re.search(r"3 of \d+ shown", text)
    assert 'data-label="Last seen"' in text and 'data-label="Sketch version"' not in text


def heads_of(text):
    return re.findall(r'<th class="[^"]*" scope="col"[^>]* data-column="(\w+)"', text)


def test_a_wide_view_shows_at_first_what_a_reader_needs(site):
    text = site.page("/telemetry/node_overview")
    assert heads_of(text)[:3] == ["name", "state", "reason"] and "href" not in heads_of(text)
    columns = site.get("/telemetry/node_overview.json").json()["columns"]
    everything = html.unescape(re.search(r'<a href="([^"]+)">Show all (\d+) columns', text)[1])
    assert heads_of(site.page(everything)) == columns
    assert heads_of(site.page("/telemetry/node_overview?_col=ref&_col=href")) == ["ref", "href"]
    assert "smart_sleep_ms" in heads_of(site.page("/telemetry/node_overview?smart_sleep_ms__isnull=1"))
    assert "protocol_version" in heads_of(site.page("/telemetry/node_overview?_sort_desc=protocol_version"))
    assert site.get("/telemetry/node_overview.csv").text.splitlines()[0].split(",") == columns


@pytest.mark.parametrize(
    ("first", "query", "expected"),
    [
        (["kind", "name", "gone"], "", ["id", "kind", "name"]),
        (["kind", "empty"], "", ["id", "kind"]),
        (["kind"], "empty=1&_sort=name", ["id", "kind", "name", "empty"]),
        (None, "", ["id", "name", "kind"]),
    ],
)
def test_columns_at_first(first, query, expected):
    names = ["id", "name", "kind", "label", "empty"]
    row = [{"raw": raw, "value_type": kind} for raw, kind in
           ((7, "pk"), ("a", "str"), ("b", "str"), ("a", "str"), (None, "none"))]  # fmt: skip
    shown = columns_at_first(names, first, MultiParams(parse_qs(query)), [row])
    assert [names[at] for at in shown] == expected


def test_numbers_are_the_columns_that_read_as_numbers():
    shown = [(1, "-2.5", "<b>3</b>", "&nbsp;", "yes", ""), ("1e+20", "", "4", "&nbsp;", 5, 6.25)]
    assert number_columns(shown) == {0, 1, 5}


def test_a_row_is_called_by_its_label_and_leads_to_its_page(site):
    number, name = site.rows("select id, name from nodes where node_id = 12 order by id")[0]
    text = site.page(f"/telemetry/nodes/{number}")
    assert re.search(rf"<h1><bdi>{re.escape(html.escape(name))}</bdi></h1>", text)
    assert 'href="/nodes/main/12">Node' in text and 'href="/nodes?gateway=main">Gateway' in text
    message = site.rows("select id, received_at from messages where type_name = 'V_TEMP' order by id")[0]
    said = site.page(f"/telemetry/messages/{message[0]}")
    assert re.search(r"<h1><bdi>Temperature [^<]+</bdi></h1>", said)
    assert format_second(message[1], "UTC") in said


def test_a_row_of_nothing_known_is_called_by_its_table_and_time(power):
    _, site = power(days=1, step=600)
    at = site.rows("select sampled_at from ups_samples where id = 1")[0][0]
    text = site.page("/telemetry/ups_samples/1")
    assert f"<bdi>Samples of UPSes, {format_second(at, 'UTC')}</bdi>" in text


# In a browser


LONG = "Gewächshausbodenfeuchtigkeitsüberwachungsstationsnebenraum60x"
HOSTILE = "\u202egnirts <b>&\"' שלום"
PATHS = (
    "/telemetry",
    "/telemetry/node_overview",
    "/telemetry/nodes/12",
    "/telemetry/ups_history?range=2+d",
    "/telemetry/set_location",
    "/telemetry?sql=select+*+from+node_overview&_edit=1",
    "/telemetry?sql=selec",
    "/-/login",
    "/nowhere",
    "/api",
    "/reports?period=day",
)


def test_pages_fit_on_a_narrow_phone(served, chromium):
    House(served.database, days=2, step=600).write()
    served.write("update nodes set label = ?, name = ? where node_id = 12", LONG, LONG)
    served.write("update nodes set label = ?, name = ? where node_id = 0", HOSTILE, HOSTILE)
    served.write("update ups set label = ? where id = 1", HOSTILE)
    page = chromium.open(served.url + PATHS[0], width=320)
    for path in PATHS:
        page.go(served.url + path)
        assert page.run("document.documentElement.scrollWidth") <= 320, path


def test_filters_are_a_drawer_on_a_phone_and_open_beside_it(served, chromium):
    page = chromium.open(served.url + "/telemetry/nodes", width=360)
    shown = "document.querySelector('form.filters').checkVisibility({contentVisibilityAuto: true})"
    assert page.run("document.querySelector('.drawer > summary').checkVisibility()") and not page.run(shown)
    page.press(".drawer > summary")
    page.until(shown)
    page.size(1280, 900)
    page.go(page.run("location.href"))
    assert page.run(shown) and not page.run("document.querySelector('.drawer > summary').checkVisibility()")


def test_the_editor_of_sql_is_dark_in_the_dark(served, chromium):
    page = chromium.open(f"{served.url}/telemetry?_edit=1", dark=True)
    page.until("!!document.querySelector('.CodeMirror')")
    colour = page.run("getComputedStyle(document.querySelector('.CodeMirror')).backgroundColor")
    assert max(int(part) for part in re.findall(r"\d+", colour)[:3]) < 80


def test_reading_rights_are_kept(make_site):
    site = make_site(access=ACCESS)
    assert "for signed-in users" not in site.page("/telemetry") and "/telemetry/audit" not in site.page(
        "/telemetry"
    )
    assert "/telemetry/audit" in site.login().page("/telemetry")


def test_a_writable_query_has_its_title_and_says_what_it_does(site):
    text = site.login().page("/telemetry/set_location")
    assert "<h1>Set the location of a node</h1>" in text and "<title>Set the location of a node" in text
    assert "The location of a node; an empty one removes it." in text


@pytest.mark.parametrize("path", ["/-/allow-debug", "/-/messages", "/-/versions"])
def test_pages_for_debugging_have_the_look_of_the_site(site, path):
    text = site.login().page(path)
    assert "/-/static/app.css" not in text and "datasette.css" in text and 'style="' not in text


def test_columns_of_one_name_are_all_shown(site):
    text = site.page("/telemetry?sql=select+1+as+a,+2+as+a")
    assert re.findall(r'<td class="col-a num" data-label="a">(\d)', text) == ["1", "2"]
