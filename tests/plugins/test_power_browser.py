"""Pages of power in a real browser: wires that move and stay, a calendar for keys, nothing overlaps."""

import pytest

from tests.plugins.ups_house import UPSES, House

LONG = "Überlänge-Server-Schrank-im-Keller-neben-der-Waschküche-Nr-12"
WIRES = """[...document.querySelectorAll('.wire')].map((wire) => {
  const box = wire.getBoundingClientRect(), style = getComputedStyle(wire.querySelector('svg'));
  const size = Math.max(box.width, box.height);
  return {kind: wire.className.split(' ')[1], size, moves: style.animationName};
})"""
FOCUSED = "document.activeElement.closest('.calendar') && document.activeElement.getAttribute('aria-label')"
OVERLAPS = """(() => {
  const places = "table.upses :is(.charge-box, td:not(.charge-cell), th), .flow > *, .gauge, "
    + ".outage-rows summary > b, .outage-rows summary > span:not(.depth), "
    + ":is(.parts, .outages) tbody :is(td, th)";
  const place = (one) => {
    if (one.matches(".charge-box")) return one.getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(one);
    return range.getBoundingClientRect();
  };
  const boxes = [...document.querySelectorAll(places)].filter((one) => one.clientHeight)
    .map((one) => [one, place(one)]).filter(([, box]) => box.width);
  const meet = (a, b) => a.left < b.right - 2 && b.left < a.right - 2
    && a.top < b.bottom - 2 && b.top < a.bottom - 2;
  const words = (one) => one.textContent.trim().slice(0, 30);
  return boxes.flatMap(([one, a], n) => boxes.slice(n + 1)
    .filter(([other, b]) => !one.contains(other) && meet(a, b))
    .map(([other]) => `${words(one)} / ${words(other)}`));
})()"""


@pytest.fixture(scope="module")
def house(served):
    House(served.database, days=2, step=600).write(
        outages=[(40, 640, UPSES), (20, 45, UPSES[:1])], open_outage=(600, ("garage",))
    )
    return served


@pytest.mark.parametrize("width", [320, 1280])
def test_wires_are_there_at_every_width_and_move_with_the_watts(width, house, chromium):
    page = chromium.open(f"{house.url}/ups", width=width)
    wires = page.run(WIRES)
    assert [wire["kind"] for wire in wires] == ["w4", "w3", "cut"]  # 240 W, 90 W, on battery
    assert all(wire["size"] >= 10 for wire in wires), wires
    assert [wire["moves"] for wire in wires] == ["flow", "flow", "none"]
    page.go(f"{house.url}/ups/rack@closet")
    ups = page.run(WIRES)
    assert [wire["kind"] for wire in ups] == ["w4", "w4"] and all(wire["size"] >= 40 for wire in ups), ups
    assert {wire["moves"] for wire in ups} == {"flow" if width > 600 else "flow-down"}
    page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    assert {wire["moves"] for wire in page.run(WIRES)} == {"none"}


def test_the_calendar_is_walked_by_key_and_opens_a_day(house, chromium):
    page = chromium.open(f"{house.url}/events")
    labels = []
    for _ in range(60):
        page.send("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        if label := page.run(FOCUSED):
            labels.append(label)
        elif labels:
            break
    assert labels and all(" on battery, " in label for label in labels), labels
    page.run("document.querySelector('.calendar a').focus()")
    page.run(
        "document.activeElement.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))"
    )
    page.until("location.search.startsWith('?day=') && !!document.querySelector('table.outages tbody tr')")
    assert page.run("document.querySelectorAll('.calendar rect.chosen').length") == 1


@pytest.mark.parametrize("width", [320, 800, 1024])
def test_nothing_overlaps_or_scrolls_sideways(width, house, chromium):
    house.write(f"update ups set label = '{LONG}' where id = 2")
    page = chromium.open("about:blank", width=width)
    page.go(f"{house.url}/events")
    outage = page.run("document.querySelector('table.outages tbody a').getAttribute('href')")
    for path in ("/ups", "/ups/garage", "/ups/rack@closet", outage, "/events"):
        page.go(house.url + path)
        assert page.run("document.documentElement.scrollWidth") <= width, path
        assert page.run(OVERLAPS) == [], path
    assert page.complaints() == []
