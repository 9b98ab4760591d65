"""Charts in a real browser: what the cursor reads is what SQL says; zoom in place; legends; files."""

import json
import re
import time
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from ingest.db.time import format_utc, parse_utc
from tests.plugins.served_site import Served
from tests.plugins.ups_house import House

HOUR = 3600
PATH = "/ups/rack@closet"
CHART = "#chart-voltage"
READY = "document.documentElement.classList.contains('charts-js')"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    site = Served(tmp_path_factory.mktemp("charts"))
    House(site.database, days=2, step=300).write(outages=[(20, 640, ("rack@closet",))])
    yield site
    site.end()


@pytest.fixture
def charts(served, chromium):
    """A page with the charts of a UPS over six hours of yesterday, the house, and the range."""
    house = served
    until = (time.time() - 18 * HOUR) // HOUR * HOUR
    span = {"since": format_utc(until - 6 * HOUR), "until": format_utc(until)}
    page = chromium.open(f"{house.url}{PATH}?since={span['since']}&until={span['until']}")
    over = "dispatchEvent(new PointerEvent('pointerover', { bubbles: true }))"
    page.until(f"document.querySelector('{CHART}')?.{over} && {READY}")
    page.run("window.same = true")
    return page, house, span


def rows_of(page, figure, span):
    """Rows of ups_history, asked for by the page itself."""
    query = "&".join(f"{name}={quote(value)}" for name, value in span.items())
    url = f"/telemetry/ups_history.json?_shape=array&ups=rack@closet&figure={figure}&{query}"
    return page.run(f"fetch({json.dumps(url)}).then((answer) => answer.json())")


def point(page, chart, share):
    """The place of a share of a chart on the screen."""
    script = (
        "(figure => { figure.scrollIntoView({block: 'center'});"
        " const r = figure.querySelector('svg.drawing').getBoundingClientRect();"
        f" return [r.x + r.width * {share}, r.y + r.height / 2] }})(document.querySelector('{chart}'))"
    )
    return page.run(script)


def move(page, chart, share, kind="mouseMoved", **more):
    x, y = point(page, chart, share)
    page.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)


def tip(page, chart=CHART):
    """The tooltip: head, and label -> value."""
    return page.until(
        f"(tip => !tip.hidden && [tip.querySelector('b').textContent, Object.fromEntries("
        "[...tip.querySelectorAll('dt')].map((name) => [name.textContent, name.nextSibling.textContent]))])"
        f"(document.querySelector('{chart} .tip'))"
    )


def press(page, key, modifiers=0):
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, modifiers=modifiers)


def test_the_cursor_reads_what_sql_says(charts):
    page, _, span = charts
    rows = rows_of(page, "input_voltage", span)
    digits = int(page.run(f"document.querySelector('{CHART}').dataset.digits"))
    for share in (0.1, 0.5, 0.9):
        move(page, CHART, share)
        head, values = tip(page)
        x = page.until(f"document.querySelector('{CHART} g.cursor line')?.getAttribute('x1')")
        assert float(x[:-1]) / 100 == pytest.approx(share, abs=0.03)
        at = parse_utc(span["since"]) + float(x[:-1]) / 100 * 6 * HOUR
        row = min(rows, key=lambda one: abs(parse_utc(one["at"]) + one["bucket_s"] / 2 - at))
        assert f"{datetime.fromtimestamp(at, UTC):%H:%M}" in head
        assert values["input"] == f"{row['avg']:.{digits}f}\u202fV", head
        assert page.run(f"document.querySelectorAll('{CHART} g.cursor circle').length") >= 1
    hairlines = "document.querySelectorAll('figure g.cursor line').length"
    assert page.run(hairlines) == page.run("document.querySelectorAll('figure[data-second]').length") > 2
    page.send("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
    page.until(f"{hairlines} === 0 && document.querySelectorAll('.tip:not([hidden])').length === 0")
    assert page.complaints() == []


def test_keys_move_the_cursor_and_its_values_are_spoken(charts):
    page, _, span = charts
    rows = rows_of(page, "input_voltage", span)
    page.run(f"document.querySelector('{CHART} svg.drawing').focus()")
    heard = []
    for key, modifiers in (("Home", 0), ("ArrowRight", 0), ("ArrowRight", 8), ("ArrowLeft", 0), ("End", 0)):
        press(page, key, modifiers)
        heard.append(page.text("#chart-voice"))
    values = [float(re.search(r"input ([\d.]+)", text)[1]) for text in heard]
    assert values == pytest.approx([rows[place]["avg"] for place in (0, 1, 11, 10, -1)], abs=0.051)
    assert page.run("document.querySelector('#chart-voice').getAttribute('aria-live')") == "polite"
    press(page, "Escape")
    assert page.run(f"document.querySelector('{CHART} .tip').hidden")


def test_a_drag_zooms_in_place_and_back_restores(charts):
    page, _, span = charts
    before = page.run("scrollY")
    move(page, CHART, 0.25, "mousePressed", button="left", buttons=1, clickCount=1)
    move(page, CHART, 0.5, buttons=1)
    page.until(f"document.querySelector('{CHART} .picked') !== null")
    place = page.run("scrollY")
    move(page, CHART, 0.5, "mouseReleased", button="left", clickCount=1)
    wanted = parse_utc(span["since"]) + 1.5 * HOUR
    page.until(f"Math.abs(document.querySelector('{CHART}').dataset.since - {wanted}) < 60")
    assert (
        page.run("window.same")
        and page.run("location.search").startswith("?since=")
        and page.run("scrollY") == place
    )
    assert float(page.run(f"document.querySelector('{CHART}').dataset.until")) == pytest.approx(
        wanted + 1.5 * HOUR, abs=60
    )
    move(page, CHART, 0.5)
    assert tip(page)[1]["input"].endswith("V")
    page.run("history.back()")
    page.until(f"Math.abs(document.querySelector('{CHART}').dataset.since - {parse_utc(span['since'])}) < 1")
    assert page.run("window.same") and before == 0
    page.run("document.querySelector('.picker a[rel=prev]').click()")
    earlier = parse_utc(span["since"]) - 6 * HOUR
    page.until(f"Math.abs(document.querySelector('{CHART}').dataset.since - {earlier}) < 1")
    assert page.run("window.same") and page.complaints() == []


def test_two_fingers_zoom_to_what_is_between_them(charts):
    page, _, span = charts
    fingers = [dict(zip("xy", point(page, CHART, share), strict=True)) for share in (0.3, 0.5, 0.25)]
    for kind, places in (("touchStart", [0]), ("touchStart", [0, 1]), ("touchMove", [2, 1])):
        touched = [fingers[place] | {"id": number} for number, place in enumerate(places)]
        page.send("Input.dispatchTouchEvent", type=kind, touchPoints=touched)
    page.until(f"document.querySelector('{CHART} .picked')?.getAttribute('width').startsWith('2')")
    page.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    wanted = parse_utc(span["since"]) + 1.5 * HOUR
    page.until(f"Math.abs(document.querySelector('{CHART}').dataset.since - {wanted}) < 90")
    assert page.run("window.same") and page.complaints() == []


def test_the_rest_of_a_stack_closes_over_a_hidden_area(charts):
    page, house, _ = charts
    page.go(f"{house.url}/")
    stack = "document.querySelector('figure[data-kind=stack]')"
    starts = f"[...{stack}.querySelectorAll('.area')].map((area) => area.getAttribute('d').split('l')[0])"
    before = page.run(starts)
    heights = [int(start.split()[1]) for start in before]
    page.click("figure[data-kind=stack] .legend [data-line='2']")
    page.until(f"{starts}[2] !== {json.dumps(before[2])}")
    moved = [int(start.split()[1]) for start in page.run(starts)]
    assert moved[2] - heights[2] == heights[0] - heights[1] and moved[0] == heights[0]
    page.click("figure[data-kind=stack] .legend [data-line='2']")
    page.until(f"JSON.stringify({starts}) === {json.dumps(json.dumps(before, separators=(',', ':')))}")
    assert page.complaints() == []


def test_a_legend_entry_hides_its_line_and_a_live_update_keeps_that(charts):
    page, house, _ = charts
    button = f"{CHART} .legend [data-line='1']"
    page.click(button)
    hidden = f"getComputedStyle(document.querySelector('{CHART} g.l1')).display === 'none'"
    assert (
        page.run(hidden)
        and page.run(f"document.querySelector(\"{button}\").getAttribute('aria-pressed')") == "false"
    )
    move(page, CHART, 0.5)
    assert list(tip(page)[1])[:1] == ["output"]
    house.write("update ups set label = 'Vault' where id = 1", topic="ups")
    page.until("document.body.textContent.includes('Vault')")
    assert page.run(hidden)
    page.click(button)
    assert not page.run(hidden)


def test_a_chart_is_saved_as_svg_and_png(charts):
    page, _, _ = charts
    address = page.run(f"document.querySelector('{CHART} a[download]').href")
    answer = (
        f"fetch({json.dumps(address)}).then(async (it) => [await it.text(), it.headers.get('content-type')])"
    )
    svg, kind = page.run(answer)
    assert kind.startswith("image/svg+xml") and svg.startswith("<svg xmlns=") and ">Voltage</text>" in svg
    page.run(
        "window.saved = null, URL.createObjectURL = (made) => { saved = made; return 'blob:x' },"
        " HTMLAnchorElement.prototype.click = function () { window.savedAs = this.download }"
    )
    page.run(
        f"document.querySelector('{CHART} .png').dispatchEvent(new MouseEvent('click', {{ bubbles: true }}))"
    )
    assert page.until("window.savedAs") == "chart-voltage.png"
    size = page.run("createImageBitmap(saved).then(({ width, height }) => [width, height])")
    assert size[0] == 2000 and size[1] > 600 and page.run("saved.size") > 10_000
    assert (
        page.run(
            f"fetch({json.dumps(address.replace('voltage', 'nothing'))}).then((answer) => answer.status)"
        )
        == 404
    )


def test_the_first_use_loads_the_script(charts):
    page, house, span = charts
    address = f"{house.url}{PATH}?since={span['since']}&until={span['until']}"
    page.go(f"{address}&first=1")
    assert not page.run(READY)
    move(page, CHART, 0.5)
    assert "input" in tip(page)[1]
    page.go(f"{address}&first=2")
    page.click(f"{CHART} .legend [data-line='1']")
    page.until(f"getComputedStyle(document.querySelector('{CHART} g.l1')).display === 'none'")
    page.go(f"{address}&first=3")
    page.run("window.same = true")
    page.click(".picker a[rel=prev]")
    page.until("location.search.includes('until') && !location.search.includes('range')")
    earlier = parse_utc(span["since"]) - 6 * HOUR
    page.until(f"Math.abs(document.querySelector('{CHART}').dataset.since - {earlier}) < 1")
    assert page.run("window.same") and page.complaints() == []


def test_no_script_is_needed(charts):
    page, house, span = charts
    page.scripts(False)
    page.go(f"{house.url}{PATH}?since={span['since']}&until={span['until']}")
    page.scripts(True)
    assert page.run(f"document.querySelectorAll('{CHART} .drawing path.line').length") == 2


WIDER = """[...document.querySelectorAll('figure.chart, figure.chart *, .picker *')]
  .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((one) => `${one.tagName} ${one.getAttribute('class')} ${one.textContent.trim().slice(0, 40)}`)"""
OVERLAPS = """[...document.querySelectorAll('figure.chart')].flatMap((figure) => {
  const seen = [...figure.querySelectorAll('text')].filter((one) => getComputedStyle(one).display !== 'none');
  const boxes = seen.map((one) => one.getBoundingClientRect());
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
  return seen.flatMap((one, i) => seen.slice(i + 1).filter((_, j) => meet(boxes[i], boxes[i + 1 + j]))
    .map((other) => `${figure.id}: ${one.textContent} | ${other.textContent}`));
})"""


def test_no_text_of_a_chart_lies_on_another(charts):
    page, _, _ = charts
    page.run("document.querySelectorAll('details').forEach((one) => one.open = true)")
    for width in (320, 360, 800, 1280, 2560):
        page.size(width, 900)
        assert page.run(OVERLAPS) == [], width
        assert page.run(WIDER) == [], width
