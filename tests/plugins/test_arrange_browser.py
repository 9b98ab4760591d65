"""Cards are arranged in a real browser: by keyboard, mouse and finger, with scripts and without."""

import time

import pytest

from tests.plugins.served_site import Served, sign_in
from tests.plugins.ups_house import House

ORDER = "[...document.querySelectorAll('#cards [data-card]')].map((card) => Number(card.dataset.card))"
STORED = "fetch('/dash/home.json').then((a) => a.json()).then((a) => a.cards.map((card) => card.id))"
SPOKEN = "document.querySelector('p.unseen[role=status]').textContent"
FITS = "document.documentElement.scrollWidth <= innerWidth"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    site = Served(tmp_path_factory.mktemp("arranged"))
    House(site.database, days=1, step=600).write()
    yield site
    site.end()


@pytest.fixture(scope="module")
def owner(house, chromium):
    page = chromium.open(f"{house.url}/-/login")
    sign_in(page)
    return page


@pytest.fixture
def arranging(house, owner):
    """The home page while it is arranged, as the default has it."""
    house.write("delete from dashboards", topic="dashboards")
    owner.size(1280, 900)
    owner.go(f"{house.url}/?arrange=1")
    owner.run("window.same = true")
    return owner


def press_enter(page):
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    page.send("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
    page.send("Input.dispatchKeyEvent", type="keyUp", **key)


def place(page, selector, across=0.5, down=0.5):
    """Where a share of an element is on the screen."""
    box = f"document.querySelector('{selector}').getBoundingClientRect()"
    return page.run(f"(r => [r.x + r.width * {across}, r.y + r.height * {down}])({box})")


def test_the_keyboard_moves_a_card_and_keeps_its_place(arranging):
    page = arranging
    page.run("document.querySelector('#card-2 [value=down]').focus()")
    press_enter(page)
    page.until(f"{SPOKEN} === 'House power is card 3 of 9'")
    press_enter(page)
    page.until(f"{SPOKEN}.includes('card 4 of 9')")
    assert page.run(ORDER) == [1, 3, 4, 2, 5, 6, 7, 8, 9]
    assert page.run("document.activeElement.value") == "down" and page.run("window.same")
    page.until(f"{STORED}.then((ids) => ids.join() === '1,3,4,2,5,6,7,8,9')")


def test_a_card_is_sized_added_and_removed_without_loading_the_page(arranging):
    page = arranging
    page.run(
        "(select => { select.value = 'full'; select.dispatchEvent(new Event('change', {bubbles: true})) })"
        "(document.querySelector('#card-2 select'))"
    )
    page.until("document.querySelector('#card-2').classList.contains('span-12')")
    page.run("document.querySelector('#add-card').value = 'query:stale_nodes'")
    page.press(".add-card button")
    page.until("document.querySelector('#card-10 h2')?.textContent === 'Stale nodes'")
    page.press("#card-1 [value=remove]")
    page.until("!document.querySelector('#card-1')")
    page.until("document.activeElement.closest('[data-card]')?.id === 'card-2'")
    assert page.run("window.same") and page.run(STORED) == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert page.complaints() == []


def test_a_card_is_dragged_with_the_mouse(arranging):
    page = arranging
    page.run("document.querySelector('#card-4').scrollIntoView({block: 'center'})")
    (x, y), (to_x, to_y) = place(page, "#card-4 [data-handle]"), place(page, "#card-5", 0.9, 0.3)
    page.send("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
    for step in (0.5, 1):
        page.send(
            "Input.dispatchMouseEvent",
            type="mouseMoved",
            x=x + (to_x - x) * step,
            y=y + (to_y - y) * step,
            button="left",
            buttons=1,
        )
    page.send("Input.dispatchMouseEvent", type="mouseReleased", x=to_x, y=to_y, button="left", clickCount=1)
    page.until(f"{STORED}.then((ids) => ids.join() === '1,2,3,5,4,6,7,8,9')")


def test_a_card_is_dragged_with_a_finger_on_a_phone(arranging):
    page = arranging
    page.size(360, 800)
    assert page.run(FITS)
    page.run("document.querySelector('#card-6').scrollIntoView({block: 'center'})")
    (x, y), (_, below) = place(page, "#card-6 [data-handle]"), place(page, "#card-7", down=0.9)
    page.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
    for to in ((y + below) / 2, below):
        page.send("Input.dispatchTouchEvent", type="touchMove", touchPoints=[{"x": x, "y": to}])
    page.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    page.until(f"{STORED}.then((ids) => ids.join() === '1,2,3,4,5,7,6,8,9')")


def test_others_order_cards_for_their_browser_alone(house, chromium, arranging):
    page = chromium.open(f"{house.url}/?arrange=1")
    page.run("document.cookie = 'none'")
    page.send("Network.clearBrowserCookies")
    page.go(f"{house.url}/?arrange=1")
    page.press("#card-3 [value=up]")
    page.until(f"{SPOKEN} === 'Needs a look is card 2 of 9'")
    page.go(f"{house.url}/")
    assert page.run(ORDER) == [1, 3, 2, 4, 5, 6, 7, 8, 9] and page.run(STORED)[:3] == [1, 2, 3]
    page.press("#card-6 summary")
    page.until("document.querySelector('#card-6').open")
    page.go(f"{house.url}/")
    assert page.run("document.querySelector('#card-6').open && !document.querySelector('#card-7').open")
    page.go(f"{house.url}/?arrange=1")
    page.press("#own-reset")
    page.until(f"{ORDER}.join() === '1,2,3,4,5,6,7,8,9'")
    page.run("localStorage.clear()")


def test_what_is_arranged_elsewhere_appears(house, chromium):
    page = chromium.open(f"{house.url}/")
    page.until("!document.querySelector('#live').hidden")
    page.run("window.same = true")
    house.write(
        "insert into dashboards (name, title, cards, updated_at) values ('home', 'Home', '[\"sources\"]', ?)"
        " on conflict (name) do update set cards = excluded.cards, updated_at = excluded.updated_at",
        f"2026-11-30T08:00:{time.time() % 60:06.3f}Z",
        topic="dashboards",
    )
    page.until("!window.same && document.querySelectorAll('#cards [data-card]').length === 1")


def test_it_works_without_scripts(house, chromium):
    page = chromium.open(f"{house.url}/-/login")
    sign_in(page)
    house.write("delete from dashboards", topic="dashboards")
    page.scripts(False)
    page.go(f"{house.url}/?arrange=1")
    page.press("#card-2 [value=down]")
    page.until("document.body.innerText.includes('The card power is card 3 of 9 now')")
    page.until(f"String({ORDER}.slice(0, 3)) === '1,3,2'")
    page.scripts(True)


@pytest.mark.parametrize("path", ["/", "/?kiosk=1", "/?arrange=1", "/dash"])
def test_nothing_scrolls_sideways(house, owner, path):
    for width in (320, 700, 2560):
        owner.size(width, 900)
        owner.go(f"{house.url}{path}")
        assert owner.run(FITS), width
