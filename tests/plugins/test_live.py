"""Live updates of pages, and the theme, in a real browser against the real web server."""

import re
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from tests.plugins.served_site import sign_in

ROOT = Path(__file__).resolve().parents[2]
DARK, LIGHT = "rgb(20, 22, 26)", "rgb(247, 247, 245)"
PAGES = ["/", "/nodes", "/nodes/main/12", "/radio", "/ups", "/energy", "/events", "/-/ota", "/-/maintenance"]
LOOKS = "performance.getEntriesByType('resource').filter((one) => one.initiatorType === 'fetch').length"
GREENHOUSE = 12
NODES = "select id, label, location from nodes"


def quick(page):
    """Ask at once, not after 5 s."""
    page.run("look()")


@pytest.fixture
def house(served):
    """The shared site: its readers have just been heard, and its nodes are put back after the test."""
    with closing(connect(served.database)) as connection:
        connection.execute("update ingest_status set heartbeat_at = ?", (format_utc(time.time()),))
        before = connection.execute(NODES).fetchall()
    yield served
    with closing(connect(served.database)) as connection:
        after = connection.execute(NODES).fetchall()
    for key in {row[0] for row in after} - {row[0] for row in before}:
        served.write("delete from nodes where id = ?", key)
    for key, label, location in set(before) - set(after):
        served.write("update nodes set label = ?, location = ? where id = ?", label, location, key)


def test_only_pages_of_the_plugins_are_live(house, chromium):
    page = chromium.open(house.url)
    for path in PAGES:
        page.go(house.url + path)
        assert re.match(r"● Live · \d+ s", page.until("document.getElementById('live').textContent")), path
        page.until(f"{LOOKS} === 1")
    for path in ("/telemetry", "/telemetry/nodes", "/-/login", "/nope"):
        page.go(house.url + path)
        assert page.run("document.getElementById('live').hidden") and page.run(LOOKS) == 0, path
    assert [words for words in page.complaints() if "/nope" not in str(words)] == []


def test_changes_appear_and_user_input_stays(serve, chromium):
    house = serve()
    page = chromium.open(f"{house.url}/-/login?next=/nodes/main/12", height=500)
    sign_in(page)
    page.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.run("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
    page.run("window.mark = 1, window.old = document.querySelector('#location')")
    page.run("line.value = '12;1;1;0;2;1', line.focus(), line.setSelectionRange(2, 4), scrollTo(0, 300)")
    page.until("ahead !== null")
    house.write("update nodes set location = 'Bed', label = 'Tomatoes' where id = ?", GREENHOUSE)
    quick(page)
    page.until("document.querySelector('h1').textContent.startsWith('Tomatoes')")
    assert page.run(
        "location.pathname === '/nodes/main/12' && mark === 1 && old === document.querySelector('#location')"
    )
    assert page.run("[line.value, document.activeElement.id, line.selectionStart, scrollY]") == [
        "12;1;1;0;2;1",
        "line",
        2,
        300,
    ]
    assert page.run("document.querySelector('#location').value") == "Bed"
    page.run("document.querySelector('#location').value = 'mine'")
    house.write("update nodes set location = 'theirs' where id = ?", GREENHOUSE)
    quick(page)
    page.until("document.querySelector('#location').defaultValue === 'theirs'")
    assert page.run("document.querySelector('#location').value") == "mine"


def test_nothing_is_renewed_until_a_topic_of_the_page_changed(serve, chromium):
    house = serve()
    page = chromium.open(f"{house.url}/nodes/main/12")
    # Where a page takes long it is good for the first looks, and the next one makes it anew.
    page.until(f"{LOOKS} >= 3", 60)
    page.run("window.changes = 0, document.addEventListener('live', () => { changes += 1; })")
    house.write("update nodes set label = 'Tomatoes' where id = ?", GREENHOUSE, topic="something")
    before = page.run(LOOKS)
    page.until(f"{LOOKS} > {before}", 60)
    assert page.run("changes") == 0
    house.write("select 1")
    page.until("changes === 1 && document.querySelector('h1').textContent.startsWith('Tomatoes')", 60)


def test_of_two_looks_at_once_only_the_last_is_heeded(house, chromium):
    """Both answers differ from the same version: the second would be put onto what the first has made."""
    page = chromium.open(f"{house.url}/nodes")
    page.until("ahead !== null")
    page.run(
        "clearTimeout(timer), window.twice = () => Promise.all([look(true), look(true)]).then(() => 0), 0"
    )
    for node in (201, 202):  # the first makes the page hold its blocks
        house.write(
            "insert into nodes (id, name, gateway, node_id, label) values (?, '', 0, ?, ?)",
            node,
            node,
            f"Added {node}",
        )
        for _ in range(40):
            page.run("twice()")
            if page.run(f"document.querySelector('main').textContent.includes('Added {node}')"):
                break
            time.sleep(0.3)
    page.run("window.same = ([id, change]) => [id, held.get(id).join('') === change.join('')], 0")
    whole = page.run(
        "fetch(location.href, { headers: { 'x-live': '' } }).then((answer) => answer.json())"
        ".then(({ blocks }) => blocks.filter(([id]) => held.has(id)).map(same))"
    )
    assert whole and all(is_same for _, is_same in whole), whole


def test_blocks_that_cannot_be_put_together_are_taken_as_a_whole(house, chromium):
    page = chromium.open(f"{house.url}/nodes/main/12")
    page.until("ahead !== null")
    page.run(
        "window.real = renew, window.renew = () => { window.renew = real; throw new Error('garbled'); }, 0"
    )
    house.write("update nodes set label = 'Tomatoes' where id = ?", GREENHOUSE)
    page.until("look(true), document.querySelector('h1').textContent.startsWith('Tomatoes')", 60)
    assert page.run("[failures, held.size > 3]") == [0, True]


def test_it_polls_every_two_seconds_during_an_update_and_never_while_hidden(house, chromium):
    page = chromium.open(f"{house.url}/-/ota")
    page.run("document.querySelector('footer').dataset.busy = ''")
    quick(page)
    before = page.run(LOOKS)
    page.until(f"{LOOKS} >= {before + 3}", 24)
    page.run("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    before = page.run(f"{LOOKS}")
    assert page.run(f"new Promise((done) => setTimeout(() => done({LOOKS}), 3000))") <= before + 1
    page.run("delete document.hidden, document.dispatchEvent(new Event('visibilitychange'))")
    page.until(f"{LOOKS} > {before}", 20)


def test_paused_sends_no_requests_and_is_remembered(house, chromium):
    page = chromium.open(f"{house.url}/nodes")
    page.click("#live")
    assert page.text("#live") == "○ Paused" and page.run("live.getAttribute('aria-pressed')") == "false"
    page.go(f"{house.url}/ups")
    assert page.text("#live") == "○ Paused" and page.run(LOOKS) == 0
    page.click("#live")
    page.until(f"{LOOKS} === 1")
    assert page.text("#live").startswith("● Live") and page.run("live.getAttribute('aria-pressed')") == "true"


def test_an_unreachable_site_is_reported_with_its_time_and_recovers(serve, chromium):
    house = serve()
    page = chromium.open(f"{house.url}/nodes")
    page.until("ahead !== null")
    house.program.process.send_signal(signal.SIGSTOP)
    page.run(
        "AbortSignal.timeout = () => "
        "{ const stop = new AbortController(); stop.abort(); return stop.signal; }"
    )
    for _ in range(2):
        page.run("look()")
    assert re.fullmatch(r"▲ Not updating since \d\d:\d\d", page.text("#live"))
    house.program.process.send_signal(signal.SIGCONT)
    page.run("delete AbortSignal.timeout, look()")
    page.until("live.textContent.startsWith('● Live')", 60)


def test_retry_delays_grow_after_failures(house, chromium):
    page = chromium.open(f"{house.url}/nodes")
    page.until("ahead !== null")
    page.run(
        "window.pauses = [], window.real = setTimeout, "
        "window.setTimeout = (run, ms) => (pauses.push(ms), 0), window.fetch = () => Promise.reject()"
    )
    for _ in range(4):
        page.run("look()")
    assert page.run("pauses") == [5000, 10000, 30000, 30000]


def test_ages_advance_without_requests(house, chromium):
    page = chromium.open(f"{house.url}/nodes/main/12")
    page.until("ahead !== null")
    page.run("ahead += 7200000, show()")
    assert page.text("dl.facts time") == "2 h ago"


def test_it_works_below_a_prefix(serve, chromium):
    house = serve("web: {port: 0, base_url: /volt/}\n")
    page = chromium.open(f"{house.url}/volt/nodes/main/12")
    page.until("ahead !== null")
    house.write("update nodes set name = 'Hothouse' where id = ?", GREENHOUSE)
    quick(page)
    page.until("document.querySelector('h1').textContent.startsWith('Hothouse')")
    outside_prefix = (
        "performance.getEntriesByType('resource').map((one) => one.name)"
        ".filter((name) => !/volt|favicon/.test(name))"
    )
    assert page.run(outside_prefix) == []


def test_with_signed_in_reading_it_works_until_sign_out(serve, chromium):
    house = serve("web: {port: 0}\naccess: {read: signed-in, people: [PERSON]}\n")
    page = chromium.open(f"{house.url}/nodes/main/12")
    assert page.run("location.pathname") == "/-/login"
    sign_in(page)
    page.until("ahead !== null")
    house.write("update nodes set name = 'Hothouse' where id = ?", GREENHOUSE)
    quick(page)
    page.until("document.querySelector('h1').textContent.startsWith('Hothouse')")
    page.send("Network.clearBrowserCookies")
    for _ in range(2):
        page.run("look()")
    assert page.text("#live").startswith("▲ Not updating since")
    assert page.text("h1").startswith("Hothouse")


@pytest.mark.parametrize(
    ("old", "do", "fresh", "expected"),
    [
        (
            "<select><option>4<option>5</select>",
            "one.firstChild.value = '5'",
            "<select><option>6<option>4<option>5</select>",
            "one.firstChild.value === '5'",
        ),
        (
            "<select><option>4<option>5</select>",
            "one.firstChild.value = '5'",
            "<select><option>6</select>",
            "one.firstChild.value === '6'",
        ),
        (
            "<details id=a>x</details>",
            "a.open = true",
            "<p>new</p> <details id=a>y</details>",
            "a.open && a.textContent === 'y'",
        ),
        (
            "<p>a</p> <details id=b><i>x</i></details>",
            "b.open = true",
            "<details id=b><i>y</i></details>",
            "b.open && !one.querySelector('p')",
        ),
        (
            "<ul><li id=c><details><p></p></details></ul>",
            "c.firstChild.open = true",
            "<ul><li id=d><details></details><li id=c><details></details></ul>",
            "c.firstChild.open && !d.firstChild.open && one.querySelectorAll('li').length === 2",
        ),
        (
            "<button data-keep>Off</button>",
            "one.firstChild.textContent = 'Sure?'",
            "<button data-keep>Off</button> <i></i>",
            "one.textContent.trim() === 'Sure?'",
        ),
        (
            "<svg><polyline points='1,1'/></svg>",
            "",
            "<svg><polyline points='2,2'/><circle/></svg>",
            "one.querySelector('circle') instanceof SVGElement && one.innerHTML.includes('2,2')",
        ),
        (
            "<input type=checkbox>",
            "one.firstChild.checked = true",
            "<input type=checkbox class=x>",
            "one.firstChild.checked && one.firstChild.className === 'x'",
        ),
        (
            "<div><p id=e>1</p><p id=f>2</p></div>",
            "e.remove()",
            "<div><p id=e>1</p><p id=g>3</p></div>",
            "one.innerText.replace(/\\s/g, '') === '13'",
        ),
    ],
)
def test_a_page_is_morphed_in_place(old, do, fresh, expected, serve, chromium, morphing):
    page = morphing
    page.run(f"document.body.innerHTML = `<div id=one>{old}</div>`, {do or 0}, 0")
    page.run(
        f"morph(one, new DOMParser().parseFromString(`<div id=one>{fresh}</div>`, 'text/html')"
        ".getElementById('one'))"
    )
    assert page.run(expected), page.run("one.innerHTML")


@pytest.fixture(scope="module")
def morphing(chromium):
    """A blank page with the functions of live.js."""
    page = chromium.open("data:text/html,<p>")
    page.run(f"(0, eval)({(ROOT / 'static/live.js').read_text()!r}), 0")
    return page


def ground(page):
    return page.run("getComputedStyle(document.body).backgroundColor")


def test_the_theme_has_three_choices_and_is_remembered(house, chromium):
    page = chromium.open(f"{house.url}/nodes")
    page.run("localStorage.removeItem('theme')")
    assert ground(page) == LIGHT
    page.likes(dark=True)
    assert ground(page) == DARK
    page.click("[data-choose=light]")
    assert (
        ground(page) == LIGHT
        and page.run("getComputedStyle(document.documentElement).colorScheme") == "light"
    )
    page.likes(dark=False)
    page.click("[data-choose=dark]")
    for path in ("/nodes", "/telemetry/nodes", "/telemetry/stale_nodes", "/-/login", "/nope"):
        page.go(house.url + path)
        assert ground(page) == DARK, path
        assert page.run("[...document.querySelectorAll('[data-choose]')].map((one) => one.ariaPressed)") == [
            "false",
            "false",
            "true",
        ]
    page.click("[data-choose='']")
    page.go(f"{house.url}/nodes")
    assert ground(page) == LIGHT


def test_the_theme_is_set_before_the_first_paint(house, chromium):
    page = chromium.open(f"{house.url}/nodes")
    page.click("[data-choose=dark]")
    page.send(
        "Page.addScriptToEvaluateOnNewDocument",
        source="new MutationObserver((_, one) => { if (document.body) { "
        "window.first = document.documentElement.dataset.theme; one.disconnect(); } })"
        ".observe(document, { childList: true, subtree: true })",
    )
    for path in ("/nodes", "/telemetry/nodes"):
        page.go(house.url + path)
        assert page.run("first") == "dark", path
    page.click("[data-choose='']")


def test_the_dark_colours_are_the_same_by_system_and_by_choice():
    css = (ROOT / "static/tokens.css").read_text()
    blocks = re.findall(r":root(?::not\(\[data-theme=light\]\)|\[data-theme=dark\]) \{\s*(--[^}]*)\}", css)
    assert len(blocks) == 2 and blocks[0].split() == blocks[1].split()


def test_a_chart_added_later_has_a_readout(serve, chromium, tmp_path):
    from tests.plugins.ups_house import House

    house = serve()
    page = chromium.open(f"{house.url}/ups")
    page.until("ahead !== null")
    House(house.database, days=1, step=300).write()
    house.write("select 1", topic="ups_samples")
    quick(page)
    page.until("document.querySelector('figure[data-since]') !== null")
    page.run("window.plot = document.querySelector('figure[data-since] svg.drawing')")
    page.run("plot.scrollIntoView({ block: 'center' })")
    x, y = page.run(
        "(({ x, y, width, height }) => [x + width / 2, y + height / 2])(plot.getBoundingClientRect())"
    )
    page.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    page.until("plot.querySelector('g.cursor line') !== null")
    house.write("update ups set label = 'Vault' where id = 1", topic="ups")
    quick(page)
    page.until("document.body.textContent.includes('Vault')")
    assert page.run("document.querySelector('g.cursor line') !== null")
