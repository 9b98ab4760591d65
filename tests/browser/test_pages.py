"""Every page of the site in a real browser: in the hardest states, at each width."""

import re
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.browser.axe import violations
from tests.browser.layout import faults, open_all
from tests.browser.states import ALERTS, PLAN, STATES, make_state
from tests.plugins.served_site import Served, sign_in

HARD = ("many", "names", "lost", "empty", "outage")
MAY = "edit, order, upload, maintain"
SETTINGS = "web: {port: 0}\naccess: {people: [PERSON]}\n"
VEGA = "g.mark=line&g.x_column=at&g.x_type=temporal&g.y_column=value&g.y_type=quantitative"
WIDTHS = (320, 360, 768, 1280, 1920)
OUTAGE = "/outages/newest"  # of the list; an address that does not exist where there is none
OWN = (
    "/",
    "/nodes",
    "/nodes?group=location",
    "/nodes/main/12",
    "/nodes/main/12/1/V_TEMP",
    "/radio",
    "/ups",
    "/ups/rack@closet",
    "/ups/rack@closet/input.voltage",
    OUTAGE,
    "/energy",
    "/events",
    "/events?tab=all",
    "/reports",
    "/api",
    "/-/ota",
    "/-/alerts",
    "/-/plan",
    "/-/maintenance",
    "/-/batteries",
    "/-/account",
)
NATIVE = (
    "/telemetry",
    "/telemetry/nodes",
    "/telemetry/node_overview?_sort=name",
    "/telemetry/nodes/12",
    "/telemetry/stale_nodes",
    "/telemetry/channel_history",
    "/telemetry?sql=select+*+from+ups_overview",
    "/-/login",
    "/nope",
    "/search?q=a",
)
MORE = ("/?kiosk=1", "/?arrange=1", "/dash", "/telemetry/ups_samples_hourly")  # with `--all`


@pytest.fixture(scope="module")
def state(tmp_path_factory, chromium):
    """`state(name)`: the URL of a site in that state, in whose browser the owner is signed in."""
    sites, signed_in = {}, []

    def start(name):
        if name not in sites:
            make = partial(make_state, name=name)
            alerts = "" if name == "empty" else ALERTS + PLAN
            sites[name] = Served(tmp_path_factory.mktemp(name), f"{SETTINGS}{alerts}", make, MAY)
        if signed_in[-1:] != [name]:  # a cookie is that of all ports: it is of the site of the last sign-in
            sign_in(chromium.open(f"{sites[name].url}/-/login"))
            signed_in.append(name)
        return sites[name].url

    yield start
    for site in sites.values():
        site.end()


@pytest.fixture
def pictures(request, tmp_path):
    """`pictures(page, name)`: a picture in the folder of `--pictures`; without that option none."""
    folder = request.config.getoption("--pictures")

    def take(page, *words):
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.picture(Path(folder) / f"{re.sub(r'[^a-z0-9@.-]+', '_', '-'.join(map(str, words)))}.png")

    return take


def visit(page, url, path):
    """Open the page of a path; in place of OUTAGE that of the newest outage."""
    if path == OUTAGE:
        page.go(f"{url}/events")
        path = page.run("document.querySelector('table.outages tbody a')?.getAttribute('href')") or OUTAGE
    page.go(url + path)


def look_at_all(page, url, theme, pictures, name, paths=OWN + NATIVE):
    """What is wrong with the pages: {address and width: faults}.

    A page is loaded at the width at which the one before was left: resizing costs as much as loading.
    """
    found, widths = {}, WIDTHS
    page.size(widths[0], 900)
    for path in paths:
        found |= look_at(page, url, path, widths, theme, pictures, name)
        widths = widths[::-1]
    return found


def look_at(page, url, path, widths, theme, pictures, name):
    """What is wrong with a page at these widths."""
    visit(page, url, path)
    open_all(page)
    found = {}
    for width in widths:
        if width != page.width:
            page.size(width, 900)
        if wrong := faults(page):
            found[f"{path} at {width}"] = wrong
        pictures(page, name, theme, path, width)
    return found


def new_page(chromium, theme):
    return chromium.open("about:blank", dark=theme == "dark")


def complaints(page):
    """Messages on the console, but of pages that are not there, as in an empty house."""
    said = [str(one) for one in page.complaints()]
    return [one for one in said if "status of 404" not in one or "/static" in one]


@pytest.mark.parametrize("name", HARD)
def test_nothing_overlaps_or_is_cut_at_any_width(name, state, chromium, pictures):
    url, page = state(name), new_page(chromium, "light")
    assert look_at_all(page, url, "light", pictures, name) == {}
    assert complaints(page) == []


@pytest.mark.parametrize(("width", "theme", "first"), [(360, "dark", 0), (1280, "light", 1)])
def test_axe_finds_nothing(width, theme, first, state, chromium):
    """Every other page in each of them; `--all` has all pages in all of them."""
    paths = (OWN + NATIVE)[first::2]
    found, said = look_with_axe(state("usual"), new_page(chromium, theme), width, paths)
    assert (found, said) == ({}, [])


def look_with_axe(url, page, width, paths=OWN + NATIVE):
    """{address: what axe finds there}, and what the console says."""
    found = {}
    page.size(width, 900)
    for path in paths:
        visit(page, url, path)
        open_all(page)
        if wrong := faults(page) + violations(page):
            found[path] = wrong
    return found, complaints(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", STATES)
def test_the_whole_matrix(name, theme, state, chromium, pictures, every_case):
    url, page = state(name), new_page(chromium, theme)
    assert look_at_all(page, url, theme, pictures, name, OWN + NATIVE + MORE) == {}
    assert complaints(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["usual", "outage", "empty"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_in_other_states_and_in_the_dark(width, name, theme, state, chromium, every_case):
    found, said = look_with_axe(state(name), new_page(chromium, theme), width, OWN + NATIVE + MORE)
    assert (found, said) == ({}, [])


# The smallest element with this text has a time in it or close by.
HAS_AGE = r"""((text) => {
  const plain = (node) => node.data.replace(/[\u202f\u00a0]/g, " ");
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!plain(node).includes(text) || !node.parentElement.checkVisibility()) continue;
    for (let up = node.parentElement, far = 0; up && far < 6; up = up.parentElement, far++) {
      if (up.querySelector("time")) return true;
    }
  }
  return false;
})"""


def test_known_figures_stand_on_pages_with_their_ages(state, chromium):
    url, page = state("usual"), new_page(chromium, "light")
    ((watts, volts),) = rows_of(
        page, url, "select watts, input_voltage from ups_samples where ups=1 order by id desc limit 1"
    )
    known = {
        "/nodes/main/12": ["20.9", "55", "15 %"],
        "/ups/rack@closet": ["100", f"{volts:g}"],
        "/": ["15 %"],
    }
    missing = []
    for path, texts in known.items():
        page.go(url + path)
        missing += [(path, text) for text in texts if not page.run(f"{HAS_AGE}({text!r})")]
    assert missing == []
    assert watts > 0


def rows_of(page, url, sql):
    page.go(f"{url}/nope")
    address = f"/telemetry.json?{urlencode({'sql': sql, '_shape': 'arrays'})}"
    return page.run(f"fetch({address!r}).then((answer) => answer.json())")["rows"]


def test_the_sql_editor_opens_under_the_strict_policy(state, chromium):
    page = new_page(chromium, "dark")
    page.go(state("usual") + "/telemetry?sql=select+1&_edit=1")
    page.until("document.querySelector('.CodeMirror-lines') !== null")
    assert complaints(page) == []


def test_datasette_vega_draws_where_the_address_asks_for_it(state, chromium):
    page = new_page(chromium, "light")
    page.go(f"{state('usual')}/telemetry/channel_history?_chart=1&type=V_TEMP#{VEGA}")
    page.until("document.querySelector('canvas.marks, svg.marks') !== null")
    assert not [words for words in complaints(page) if "vega" not in words.lower()]
