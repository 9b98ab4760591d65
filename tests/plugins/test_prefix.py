"""The site below /volt/: every address on every page has the prefix once, and answers."""

import html
import re
from dataclasses import replace
from pathlib import Path

import jinja2
import pytest
from datasette.utils import PrefixedUrlString
from markupsafe import Markup

from ingest.config.model import ConfigError, Web
from plugins.web.prefix import prefix_templates, rooted, rooted_cell
from tests.helpers.config_text import parse_config
from tests.plugins.site_helpers import ACCESS, BROWSER, PASSWORD

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r'\b(?:href|src|action|formaction)="([^"]*)"')
LINK = re.compile(r'\b(?:href|src)="([^"]*)"')
START = [
    "/",
    "/nodes",
    "/nodes/main/12",
    "/telemetry",
    "/telemetry/nodes",
    "/telemetry/node_overview",
    "/-/login",
    "/none",
]
QUIET = re.compile(
    r"/-/static|/static/|_facet|_sort|\.json|_hide_sql|_show_sql"
)  # of these, one of a kind is enough


@pytest.fixture
def prefixed(make_site):
    return make_site(access=ACCESS, web=Web(base_url="/volt/"))


def addresses(page, pattern=ADDRESS):
    """The addresses of a page, or its links alone, without those of other sites and of its own parts."""
    found = (html.unescape(address) for address in pattern.findall(page))
    return [one.partition("#")[0] for one in found if not re.match(r"#|\?|https?://|data:|$", one)]


def crawl(site, limit=150):
    """Path -> response of the pages that lead from the first ones to each other, signed in."""
    seen, kinds, left = {}, set(), [f"/volt{path}" for path in START]
    while left and len(seen) < limit:
        path = left.pop(0)
        kind = re.sub(r"[?=].*|\d+", "", path) + "".join(QUIET.findall(path))
        if path in seen or (QUIET.search(path) and kind in kinds):
            continue
        kinds.add(kind)
        seen[path] = site.get(PrefixedUrlString(path), headers=BROWSER)
        if "html" in seen[path].headers.get("content-type", ""):
            left += addresses(seen[path].text, LINK)
    return seen


@pytest.mark.parametrize("signed_in", [False, True])
def test_every_link_of_every_page_has_the_prefix_and_answers(prefixed, signed_in):
    if signed_in:
        prefixed.login()
    answers = crawl(prefixed)
    wrong = [
        (page, address)
        for page, answer in answers.items()
        if "html" in answer.headers.get("content-type", "")
        for address in addresses(answer.text)
        if not address.startswith("/volt/") or address.startswith("/volt/volt")
    ]
    assert wrong == []
    refused = () if signed_in else (401, 403)
    bad = {
        path: answer.status_code
        for path, answer in answers.items()
        if answer.status_code not in (200, 302, *refused)
    }
    assert bad == {"/volt/none": 404}
    kinds = {path.partition("?")[0].rpartition(".")[2] for path in answers}
    assert {"css", "csv", "js", "json"} <= kinds
    csv = next(answer for path, answer in answers.items() if ".csv" in path)
    assert csv.headers["content-type"].startswith(("text/plain", "text/csv"))
    assert len(answers) > 60


def test_with_and_without_the_prefix_the_page_is_the_same(prefixed):
    prefixed.token()
    for path in ("/nodes", "/telemetry/nodes?_sort=id", "/nodes/main/12"):
        pages = [
            re.sub(
                r"took [\d.]+ ms|\d+ s ago|\d\d:\d\d:\d\d|csrftoken\" value=\"\S+|data-version=\"\w+",
                "",
                prefixed.page(PrefixedUrlString(address)),
            )
            for address in (path, f"/volt{path}")
        ]
        assert pages[0] == pages[1], path


@pytest.mark.parametrize("path", ["/volt/volt/nodes", "/volt/volt/-/maintenance", "/volt/volt"])
def test_the_prefix_is_taken_off_once(prefixed, path):
    assert prefixed.get(PrefixedUrlString(path)).status_code == 404


def test_forms_redirect_below_the_prefix(prefixed):
    token = prefixed.token()
    where = {"username": "owner", "password": PASSWORD, "csrftoken": token}
    answers = [
        prefixed.post("/-/login", data={**where, "next": wanted} if wanted else where, headers=BROWSER)
        for wanted in ("", "/nodes", "/volt/nodes")
    ]
    assert [answer.headers["location"] for answer in answers] == ["/volt/", "/volt/nodes", "/volt/nodes"]
    prefixed.login()
    order = {"node": "12", "location": "shed", "csrftoken": prefixed.token()}
    answer = prefixed.post("/telemetry/set_location", data=order, headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (302, "/volt/nodes")
    referer = {**BROWSER, "referer": "http://localhost/volt/nodes/main/12"}
    answer = prefixed.post("/telemetry/set_location", data=order, headers=referer)
    assert answer.headers["location"] == "/volt/nodes/main/12"


def test_the_redirect_to_sign_in_is_below_the_prefix(make_site):
    closed = make_site(access=replace(ACCESS, read="signed-in"), web=Web(base_url="/volt/"))
    answer = closed.get("/nodes?q=a", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (302, "/volt/-/login?next=%2Fnodes%3Fq%3Da")
    assert closed.get("/-/login", headers=BROWSER).status_code == 200
    assert closed.get("/static/voltkeeper.css").status_code == 200


def test_scripts_send_requests_below_the_prefix():
    for path in (ROOT / "static").glob("*.js"):
        absolute = re.findall(r"""(?:fetch|EventSource|open|import)\(\s*["'`]/[^"'`]*""", path.read_text())
        assert absolute == [], f"{path.name}: take new URL('../...', document.currentScript.src) instead"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/", "/volt/"),
        ("/nodes?a=/b", "/volt/nodes?a=/b"),
        ("/volt", "/volt"),
        ("/volt/nodes", "/volt/nodes"),
        ("/volt?a", "/volt?a"),
        ("/voltage", "/volt/voltage"),
        ("nodes", "nodes"),
        ("//other/x", "//other/x"),
        ("https://other/x", "https://other/x"),
        ("#a", "#a"),
        ("", ""),
        (None, None),
    ],
)
def test_rooted(url, expected):
    assert rooted("/volt", url) == expected
    assert rooted("", url) == url


def test_links_in_cells():
    link = Markup('<a href="/nodes/main/1">{}</a>').format('x href="/y"')
    assert rooted_cell("/volt", link) == '<a href="/volt/nodes/main/1">x href=&#34;/y&#34;</a>'
    assert rooted_cell("/volt", 'href="/a"') == 'href="/a"'
    assert rooted_cell("/volt", None) is None


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('<a href="/nodes">', '<a href="/volt/nodes">'),
        ('<a href="/{{ x }}/b">', '<a href="/volt/{{ x }}/b">'),
        ('<a href="{{ href }}">', '<a href="/volt/ups/a&amp;b">'),
        ('<a href="{{ href|default("/") }}#{{ x }}">', '<a href="/volt/ups/a&amp;b#1">'),
        ('<a href="{{ missing or "/" }}">', '<a href="/volt/">'),
        (
            '<form action="/-/x" method="post"><button formaction="/-/y">',
            '<form action="/volt/-/x" method="post"><button formaction="/volt/-/y">',
        ),
        (
            '<a href="//other/"><a href="?a=/b"><a href="#c">',
            '<a href="//other/"><a href="?a=/b"><a href="#c">',
        ),
        ('data-href="/x" title="/nodes"', 'data-href="/volt/x" title="/nodes"'),
    ],
)
def test_templates(template, expected):
    env = jinja2.Environment(autoescape=True)
    prefix_templates(env, "/volt")
    assert env.from_string(template).render(href="/ups/a&b", x=1) == expected.replace("{{ x }}", "1")


@pytest.mark.parametrize(
    "wrong",
    ["volt", "/volt", "volt/", "//", "/a b/", "/vo%6ct/", "https://x/volt/", "/nodes/", "/-/x/", "/static/"],
)
def test_an_invalid_prefix_is_refused(wrong, tmp_path):
    with pytest.raises(ConfigError, match=r"web\.base_url: .* such as /volt/"):
        parse_config(f"web: {{base_url: '{wrong}'}}", tmp_path)


@pytest.mark.parametrize("right", ["/", "/volt/", "/a/b-c/"])
def test_a_valid_prefix_is_accepted(right, tmp_path):
    assert parse_config(f"web: {{base_url: {right}}}", tmp_path).web.base_url == right


def test_the_manifest_and_its_icons_are_below_the_prefix(prefixed):
    answer = prefixed.get(PrefixedUrlString("/volt/manifest.webmanifest"))
    assert answer.headers["content-type"].startswith("application/manifest+json")
    manifest = answer.json()
    assert (manifest["start_url"], manifest["display"]) == ("/volt/", "standalone")
    icons = [prefixed.get(PrefixedUrlString(icon["src"])) for icon in manifest["icons"]]
    assert [icon.status_code for icon in icons] == [200, 200, 200]
    assert all(icon["src"].startswith("/volt/static/") for icon in manifest["icons"])
    head = prefixed.get(PrefixedUrlString("/volt/"), headers=BROWSER).text
    assert (
        'rel="manifest" href="/volt/manifest.webmanifest"' in head and head.count('name="theme-color"') == 2
    )
