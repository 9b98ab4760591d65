"""The pages of a channel and of its node in a browser: widths, themes, axe, keyboard."""

import pytest

from tests.browser.axe import violations
from tests.plugins.channel_history import Channels
from tests.plugins.served_site import Served

DAY_S = 86_400
LONG = "Probe of the south-western greenhouse beside the water tank no 7"
HOSTILE = "\u202eDonaudampfschifffahrtsgesellschaftskapitaensmuetzenhalterung<b>"


def fill(path):
    """A node with many kinds of channels, long and hostile names, three days of readings."""
    rows = Channels(path)
    now = rows.now
    rows.node(60, HOSTILE, battery_level=63, last_seen_at="2026-01-01T00:00:00.000Z")
    times = [now - 3 * DAY_S + 3600 * n for n in range(72)]
    for child, label in enumerate((LONG, HOSTILE, "Air")):
        air = [(at, f"{20 + (at // 3600) % 7 / 10:.1f}") for at in times]
        rows.channel(60, child, 0, "V_TEMP", air, description=label)
    door = [(at, str(n % 2)) for n, at in enumerate(times[::8])]
    rows.channel(60, 4, 16, "V_TRIPPED", door, sensor_type=0, symbol="S_DOOR", description=LONG)
    texts = [(at, f"{HOSTILE} {n}") for n, at in enumerate(times[::9])]
    rows.channel(60, 5, 47, "V_TEXT", texts, sensor_type=36, symbol="S_INFO", description="Note")
    rows.silence(60, now - 2 * DAY_S, now - 1.8 * DAY_S)
    rows.connection.execute(
        "insert into battery_levels (received_at, node, level) "
        "select received_at, 60, 60 + id % 9 from readings"
    )
    rows.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    house = Served(tmp_path_factory.mktemp("channels"), make=fill)
    yield house
    house.end()


@pytest.mark.parametrize(
    "path",
    [
        "/nodes/main/60",
        "/nodes/main/60/0/V_TEMP?with=main/60/1/V_TEMP,main/60/2/V_TEMP,no/such",
        "/nodes/main/60/4/V_TRIPPED",
        "/nodes/main/60/5/V_TEXT",
    ],
)
def test_pages_fit_and_axe_finds_nothing(served, chromium, path):
    page = chromium.open(served.url + path, width=320)
    for width, dark in ((320, False), (360, True), (800, False), (1280, True), (2560, False)):
        page.size(width, 900)
        page.likes(dark)
        assert page.run("document.documentElement.scrollWidth") <= width, width
        if width in (360, 1280):
            page.run(
                f"document.querySelectorAll('main details').forEach(one => one.open = {int(width > 1000)})"
            )
            assert violations(page) == [], width
            assert page.run("document.documentElement.scrollWidth") <= width, (width, "opened")
    assert page.complaints() == []


def test_the_cursor_of_the_keyboard_reads_the_chart(served, chromium):
    page = chromium.open(served.url + "/nodes/main/60/2/V_TEMP?range=24+h", width=1280)
    page.run("document.querySelector('#chart svg.drawing').focus()")
    page.until("document.documentElement.classList.contains('charts-js')")
    page.run(
        "document.querySelector('#chart svg.drawing').dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'End', bubbles: true}))"
    )
    page.until("document.querySelector('#chart .tip')?.textContent.includes('°C')")
    assert page.run("document.querySelectorAll(`[data-live]:not([data-live='']) [data-live]`).length") == 0


def test_the_usual_day_has_hours_and_no_date_and_does_not_zoom(served, chromium):
    page = chromium.open(served.url + "/nodes/main/60/2/V_TEMP?range=7+d", width=1280)
    page.run("document.querySelector('#usual-day svg.drawing').focus()")
    page.until("document.documentElement.classList.contains('charts-js')")
    page.run(
        "document.querySelector('#usual-day svg.drawing').dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'End', bubbles: true}))"
    )
    page.until("document.querySelector('#usual-day .tip').textContent.includes('°C')")
    assert "Jan" not in page.run("document.querySelector('#usual-day .tip').textContent")
    page.run(
        "(() => { const plot = document.querySelector('#usual-day svg.drawing');"
        "plot.scrollIntoView({block: 'center'}); const box = plot.getBoundingClientRect();"
        "for (const [kind, share] of [['down', 0.2], ['move', 0.6], ['up', 0.6]]) plot.dispatchEvent("
        "new PointerEvent(`pointer${kind}`, {clientX: box.left + share * box.width, clientY: box.top + 20,"
        "bubbles: true, button: 0, pointerType: 'mouse'})); })()"
    )
    assert "since" not in page.run("location.search")
