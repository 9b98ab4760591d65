"""/radio, /nodes and /energy in a browser: the map by mouse and keyboard, narrow and wide pages."""

import time

import pytest

from ingest.db.time import format_utc
from tests.plugins.ups_house import House

SPOT = "document.querySelector('.map-wide [data-node=\"30\"]')"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def house(served):
    """A site with a line of three nodes and one with a long name."""
    House(served.database, days=1, step=600).write()
    at = format_utc(time.time())
    for node, parent, name in ((30, 0, "Landing"), (31, 30, "x" * 50), (32, 31, "Far"), (33, 0, "Beside")):
        served.write(
            "insert into nodes (id, name, gateway, node_id, parent_node_id, sketch_name, first_seen_at, "
            "last_seen_at) values (?, 'x', 0, ?, ?, ?, ?, ?)",
            *(node, node, parent, name, at, at),
        )
    return served


@pytest.fixture
def page(house, chromium):
    """The page /radio of it."""
    opened = chromium.open(f"{house.url}/radio")
    opened.house = house
    opened.send("Emulation.setFocusEmulationEnabled", enabled=True)
    return opened


def test_the_way_of_a_node_stands_out_by_mouse_and_keyboard(page):
    page.run(f"{SPOT}.focus(), 0")
    page.until("!!document.querySelector('.map.following')")
    followed = (
        "[...document.querySelectorAll('.map-wide .spot.followed')].map((one) => one.dataset.node).sort()"
    )
    assert page.run(followed) == ["0", "30", "31", "32"]
    assert page.run("[...document.querySelectorAll('.map-wide .link.followed')].length") == 3
    readout = "document.querySelector('.map-readout')"
    assert page.run(f"{readout}.textContent").startswith("Landing 30, main/30: heard in time")
    page.run("document.activeElement.blur(), 0")
    page.until(f"!document.querySelector('.map.following') && {readout}.hidden")
    circle = f"{SPOT}.querySelector('circle').getBoundingClientRect()"
    x, y = page.run(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({circle})")
    page.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    page.until(f"document.querySelector('.map.following') && !{readout}.hidden")


def test_the_map_has_a_form_for_each_width_and_nothing_scrolls_sideways(page):
    shown = "['.map-wide', '.map-narrow'].map((one) => document.querySelector(one).checkVisibility())"
    for width in (320, 360, 700, 1000, 1280):
        page.size(width, 900)
        for path in ("/nodes", "/energy?period=day", "/radio"):
            page.go(f"{page.house.url}{path}")
            assert page.run(OVERFLOW) <= 0, (width, path)
        assert page.run(shown) == [width > 800, width < 800], width
    page.size(360, 900)
    circle = "document.querySelector('.map-narrow [data-node=\"31\"] circle')"
    page.run(f"{circle}.scrollIntoView({{ block: 'center' }}), 0")
    x, y = page.run(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({circle}.getBoundingClientRect())")
    for kind in ("mousePressed", "mouseReleased"):
        page.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    page.until("location.hash === '#node-main-31' && !!document.querySelector('.leaf:target')")
