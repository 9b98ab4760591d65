"""What is sent to pages that are open: what has changed of their blocks, and nothing else."""

import gzip
import json
import re
import time

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from plugins.web.app.assets import datasette_asset
from plugins.web.live import pages
from plugins.web.live.blocks import as_block, change_of, find_parts
from plugins.web.live.pages import LivePage, Times
from tests.plugins.site_helpers import BROWSER, bearer

TOKEN = re.compile(r"[0-9a-f]{16}-[0-9a-f]{40}")
PAGE = """<body><aside id="notices" data-live="ingest_status"></aside>
<main id="content" data-version="abc" data-live="">
<h1>Nodes</h1>
<section class="card" id="one" data-live="nodes messages"><p>1</p><section>inner</section></section>
<section class="card" id="two" data-live="events"><p><time datetime="x" data-ago>12 s ago</time></p></section>
<form><input name="csrftoken" value="secret"></form>
</main><footer></footer>"""


class Browser:
    """Puts the blocks of a page together from what it is sent, as static/live.js does."""

    def __init__(self, site, path):
        self.site, self.path = site, path
        self.version = re.search(r'data-version="([^"]*)"', site.page(path))[1]
        self.held = {}

    def text(self):
        return "".join(piece for pieces in self.held.values() for piece in pieces)

    def look(self):
        """Ask once; returns the ids of the blocks that changed."""
        response = self.site.get(self.path, headers={"x-live": self.version})
        if response.status_code == 204:
            assert response.content == b""
            return []
        assert response.status_code == 200, response.text
        answer = response.json()
        self.version = answer["version"]
        for name, change in answer["blocks"]:
            self.held[name] = build(self.held.get(name, []), change)
        return [name for name, _ in answer["blocks"]]


def build(old, change):
    """The pieces that a change makes out of earlier ones."""
    pieces, items = [], iter(change)
    for item in items:
        if isinstance(item, str):
            pieces += [piece for piece in re.split("(?=<[a-z])", item) if piece]
        else:
            pieces += old[item : item + next(items)]
    return pieces


def write(site, sql="select 1", *params, topic="nodes"):
    connection = connect(site.datasette.get_database("telemetry").path)
    connection.execute(sql, params)
    connection.execute(
        "insert into changes values (?, 1, ?) on conflict (topic) do update set seq = seq + 1",
        (topic, format_utc(0)),
    )
    connection.close()


def test_a_page_is_cut_into_blocks_and_the_frame_around_them():
    texts, topics = find_parts(PAGE)
    assert list(texts) == ["content", "notices", "one", "two"]
    assert topics == {"ingest_status", "nodes", "messages", "events"}
    assert texts["one"].endswith("<section>inner</section></section>")
    assert '<time datetime="x" data-ago></time>' in texts["two"]
    assert '<section id="one" data-hold></section>' in texts["content"] and "<p>1" not in texts["content"]
    assert "secret" not in texts["content"] and "abc" not in texts["content"]


def test_a_page_without_blocks_is_not_live():
    assert find_parts(PAGE.replace("data-live", "data-x")).texts == {}
    old = '<main id="content" data-live="nodes"><section id="in" data-live="x"></section></main>'
    assert list(find_parts(old).texts) == ["content"]  # the outer one alone


@pytest.mark.parametrize(
    "fresh",
    [
        "<ul><li>1</li><li>2</li><li>3</li></ul>",
        "<ul><li>3</li><li>1</li></ul>",
        "<ul><li>0</li><li>1</li><li>1</li></ul>",
        "<p>all new</p>",
        "",
    ],
)
def test_a_change_makes_the_new_block_out_of_the_old_one(fresh):
    old, new = (as_block(text, 0) for text in ("<ul><li>1</li><li>2</li><li>3</li></ul>", fresh))
    change = change_of(old.marks, new)
    assert "".join(build(old.pieces, change)) == fresh
    assert "".join(build([], change_of((), new))) == fresh


def test_a_change_of_one_cell_is_short():
    rows = [f"<tr><td>{number}</td><td>{number * number}</td></tr>" for number in range(1000)]
    old = as_block("".join(rows), 0)
    rows[500] = "<tr><td>500</td><td>changed</td></tr>"
    assert change_of(old.marks, as_block("".join(rows), 0)) == [0, 1502, "<td>changed</td></tr>", 1503, 1497]


def taken(page, text, at, seqs):
    page.take(
        find_parts(f'<main id="content"><p id="p" data-live="nodes events">{text}</p></main>'),
        Times(at, at),
        seqs,
    )
    return page.blocks["p"].text


def test_charts_stay_a_minute_unless_something_happens():
    page, chart = LivePage(), '<figure class="chart">{}</figure>{}'
    assert ">1</figure>a" in taken(page, chart.format(1, "a"), 0, {"nodes": 1, "events": 1})
    assert ">1</figure>b" in taken(page, chart.format(2, "b"), 30, {"nodes": 2, "events": 1})
    assert ">3</figure>b" in taken(page, chart.format(3, "b"), 61, {"nodes": 3, "events": 1})
    assert ">4</figure>b" in taken(page, chart.format(4, "b"), 62, {"nodes": 4, "events": 2})
    assert ">6</figure>" in taken(page, chart.format(5, chart.format(6, "")), 63, {"nodes": 5, "events": 2})


def test_a_render_that_ended_late_does_not_replace_a_later_one():
    page = LivePage()
    taken(page, "new", 10, {"nodes": 2})
    assert "new" in taken(page, "old", 9, {"nodes": 1})


def test_what_comes_all_the_time_is_sent_together():
    page, now = LivePage(), 100.0
    taken(page, "a", now, {"nodes": 1, "events": 1})
    assert page.is_right(now + 50, {"nodes": 1, "events": 1, "other": 7})
    assert not page.is_right(now + 60, {"nodes": 1, "events": 1})  # states also change by silence
    assert page.is_right(now + 5, {"nodes": 2, "events": 1})
    assert not page.is_right(now + 10, {"nodes": 2, "events": 1})
    assert not page.is_right(now + 1, {"nodes": 1, "events": 2})
    page.expire(now)
    taken(page, "b", now, {"nodes": 1, "events": 1})
    assert not page.is_right(now + 5, {"nodes": 2, "events": 1})  # what somebody did has effects


@pytest.fixture
def at_once(monkeypatch):
    """Nothing waits to be sent together with more."""
    monkeypatch.setattr(pages, "ROUTINE_S", 0)


def test_only_what_changed_is_sent(site, at_once):
    browser = Browser(site, "/nodes/main/12")
    assert browser.look() == []
    write(site, topic="something else")
    assert browser.look() == []
    write(site, "update nodes set label = 'Tomatoes' where id = 12")
    until_changed(browser)
    assert "Tomatoes" in browser.text()
    write(site, "update nodes set label = 'Beans' where id = 12")
    until_changed(browser)
    assert "Beans" in browser.text() and "Tomatoes" not in browser.text()


def until_changed(browser):
    """A page is shared for twenty times as long as it took to make."""
    end = time.monotonic() + 30
    while not (changed := browser.look()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return changed


def test_what_is_sent_carries_no_token(site):
    site.login()
    assert TOKEN.search(site.page("/nodes/main/12"))
    response = site.get("/nodes/main/12", headers={"x-live": "unknown"})
    assert 'name=\\"csrftoken\\" value=\\"\\"' in response.text and not TOKEN.search(response.text)


def test_pages_of_others_are_kept_apart(site, at_once):
    anonymous = Browser(site, "/nodes/main/12")
    write(site, "update nodes set label = 'Tomatoes' where id = 12")
    until_changed(anonymous)
    assert "disabled" in anonymous.text()
    answer = site.get("/nodes/main/12", headers={"x-live": anonymous.version, **bearer()}).json()
    assert "disabled" not in json.dumps(answer)


def test_a_deed_is_seen_at_once(site):
    site.login()
    browser = Browser(site, "/nodes/main/12")
    write(site, "update nodes set label = 'Tomatoes' where id = 12")
    fields = {"csrftoken": site.token(), "node": "12", "location": "Bed"}
    assert site.post("/telemetry/set_location", data=fields).status_code == 200
    assert browser.look() and "Bed" in browser.text()


def test_answers_are_refused_like_the_page(site):
    assert site.get("/nodes/main/99", headers={"x-live": "x"}).status_code == 404
    assert site.get("/telemetry/nodes", headers={"x-live": "x"}).status_code == 409


def test_an_answer_has_few_headers(site):
    version = Browser(site, "/nodes").version
    response = site.get("/nodes", headers={"x-live": version})
    assert response.status_code == 204
    assert dict(response.headers) == {"cache-control": "no-store"}
    full = site.get("/nodes", headers={"x-live": "unknown"})
    assert "content-security-policy" not in full.headers
    assert full.headers["content-encoding"] == "gzip" and full.headers["cache-control"] == "no-store"


def test_texts_are_compressed_where_it_is_worth_it(site):
    def get(path, accept="gzip", **headers):
        return site.get(path, headers={**BROWSER, "accept-encoding": accept, **headers})

    page = get("/nodes")
    assert page.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in page.headers["vary"].lower()
    for accept in ("identity", "gzip;q=0", "br"):
        plain = get("/nodes", accept)
        assert "content-encoding" not in plain.headers and "</html>" in plain.text, accept
    assert get("/nodes", "br, gzip;q=0.5").headers["content-encoding"] == "gzip"
    rows = get("/telemetry/message_types.csv?_size=max")
    assert rows.headers.get("content-encoding") == "gzip" and rows.text.count("\n") > 10
    download = get("/telemetry/messages.csv?_stream=1")
    assert "content-encoding" not in download.headers and download.text.startswith("id,")
    feed = get("/events.atom")
    assert feed.headers["etag"].startswith('W/"') and feed.headers["content-encoding"] == "gzip"
    assert get("/events.atom", **{"if-none-match": feed.headers["etag"]}).status_code == 304
    assert "content-encoding" not in get("/-/pulse.json").headers or len(gzip.compress(b"")) > 0


def test_files_with_a_mark_are_kept_for_a_year_and_pages_not_at_all(site):
    page = site.get("/telemetry/nodes?_chart=1", headers=BROWSER)
    assert "no-cache" in page.headers["cache-control"] or "no-store" in page.headers["cache-control"]
    links = re.findall(r'(?:src|href)="(/(?:-/)?static[^"]+\.(?:js|css)[^"]*)"', page.text)
    assert any(link.startswith("/static/base.css?") for link in links) and any(
        "vega" in link for link in links
    )
    for link in [*links, datasette_asset("app.css")]:
        answer = site.get(link)
        assert (
            answer.status_code == 200
            and answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        ), link
        assert "set-cookie" not in answer.headers
    for link in (
        "/static/live.js",
        "/static/base.js?12345678",
        "/-/static/app.css",
        "/static/nope.js?1",
        "/-/static/../app.css",
    ):
        assert "immutable" not in site.get(link).headers.get("cache-control", ""), link


def test_a_token_is_another_text_on_each_page(site):
    site.login()
    first, second = (
        re.search(r'name="csrftoken" value="([^"]+)"', site.page("/nodes/main/12"))[1] for _ in range(2)
    )
    assert first != second and TOKEN.fullmatch(first)
    bare = site.datasette.accounts.csrf_token(session_hash(site))
    assert bare not in site.page("/nodes/main/12")
    for token, status in (
        (first, 200),
        (second, 200),
        (bare, 200),
        (first[:-1] + "g", 403),
        (f"{'0' * 16}-{'0' * 40}", 403),
        ("", 403),
    ):
        fields = {"csrftoken": token, "node": "12", "location": "Bed"}
        assert site.post("/telemetry/set_location", data=fields).status_code == status, token


def session_hash(site):
    return site.rows("select hash from sessions order by id desc limit 1")[0][0]
