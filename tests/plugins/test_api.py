"""/api lists every endpoint, and each of its curl lines works against a running site."""

import html
import os
import re
import subprocess
import types
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from datasette import hookimpl
from datasette.plugins import pm

from ingest.config.model import Web
from ingest.db.connection import connect
from plugins.web.endpoint import (
    UNDOCUMENTED,
    Endpoint,
    documented_route,
    shown_path,
    takes_post,
)
from plugins.web.pages.api import example, routes
from tests.helpers.new_database import new_database
from tests.plugins.site_helpers import ACCESS, bearer, fill, links
from tests.programs import running_site
from voltkeeper.check.http import PAGES

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "api-token-0123456789"
CURL = re.compile(r'<code class="curl">(.*?)</code>', re.S)


def calls(site):
    return site.get("/api.json").json()["calls"]


def test_every_link_answers(site):
    for link in links(site.page("/api")):
        assert site.get(link).status_code == 200, link


def test_it_is_linked_from_every_page(site):
    for path in ("/", "/radio", "/telemetry", "/telemetry/nodes"):
        assert '<a href="/api">API</a>' in site.page(path), path
    assert "/api" in (ROOT / "README.md").read_text()


def test_every_route_is_described(site):
    found = routes(site.datasette)
    assert [path for path, call in found if call is UNDOCUMENTED] == [], (
        "say what it is: Endpoint(...) in register_routes"
    )
    api_calls = {(call["method"], call["path"]) for call in calls(site)}
    for hook in pm.hook.register_routes.get_hookimpls():
        if Path(getattr(hook.plugin, "__file__", None) or "/").parent != ROOT / "plugins":
            continue
        for pattern, _ in hook.function(*[site.datasette for _ in hook.argnames]):
            path = shown_path(pattern)
            if "TABLE" in path:  # the writable queries, which are listed by their names
                continue
            some = re.sub(r"GATEWAY|JOB|NAME", "x", path).replace("NODE_ID", "1").replace("ID", "1")
            assert ("POST", path) in api_calls or not takes_post(some), path
            assert ("GET", path) in api_calls or ("POST", path) in api_calls, path
    of_tables = re.compile(r"/telemetry/\w+\.json")
    assert {path for path in PAGES if not of_tables.fullmatch(path)} <= {path for _, path in api_calls}


def test_a_new_route_and_a_new_query_are_listed_automatically(site, monkeypatch):
    plugin = types.ModuleType("new_deed")
    plugin.__file__ = str(ROOT / "plugins/new_deed.py")
    added = [
        documented_route(r"^/-/new/(?P<id>\d+)$", None),
        documented_route(r"^/-/old$", None, Endpoint("An old one")),
    ]
    plugin.register_routes = hookimpl(lambda: added)
    pm.register(plugin)
    try:
        api_calls = {(call["method"], call["path"]): call["title"] for call in calls(site)}
    finally:
        pm.unregister(plugin)
    assert api_calls["GET", "/-/new/ID"] == "Not described yet" and api_calls["GET", "/-/old"] == "An old one"
    queries = site.datasette._metadata_local["databases"]["telemetry"]["queries"]
    monkeypatch.setitem(
        queries, "warm_rooms", {"title": "Warm", "sql": "select * from channels where value > :least"}
    )
    found = next(call for call in calls(site) if call["path"] == "/telemetry/warm_rooms.json")
    assert found["title"] == "Warm" and list(found["fields"]) == ["least"]


def test_every_canned_query_is_listed_with_its_parameters(site):
    written = yaml.safe_load((ROOT / "metadata.yml").read_text())["databases"]["telemetry"]["queries"]
    api_calls = {call["path"]: call for call in calls(site)}
    for name, query in written.items():
        call = api_calls[f"/telemetry/{name}" + ("" if query.get("write") else ".json")]
        assert list(call["fields"]) == query["params"] and call["right"] == query.get("right", "read"), name
        assert call["title"] == query["title"] and call["method"] == ("POST" if query.get("write") else "GET")
        assert query["description"] and query["hide_sql"], name
        named = set(re.findall(r"(?<![:\w]):([a-z]\w*)", query["sql"]))
        assert named == set(query["params"]), name


def test_an_empty_site_has_no_examples_of_missing_objects(make_site):
    site = make_site(filled=False, gateways=())
    api_calls = {call["path"]: call for call in calls(site)}
    assert api_calls["/nodes/GATEWAY/NODE_ID"]["curl"] is None and api_calls["/-/orders"]["curl"] is None
    assert "This site has no data for an example yet" in site.page("/api")
    for link in links(site.page("/api")):
        assert site.get(link).status_code == 200, link


def test_rights(make_site):
    site = make_site(access=replace(ACCESS, read="signed-in"))
    assert site.get("/api").status_code == 401 and site.get("/api.json").status_code == 401
    page = html.unescape(site.get("/api", headers=bearer()).text)
    assert "Needs a signed-in user or a token." in page
    assert "Needs the right <code>order</code>, which you have." in page
    assert "bot may not do this: <code>may:</code> in config.yml does not list upload." in page
    assert 'curl -s -H "Authorization: Bearer $TOKEN" "http://localhost/nodes"' in page
    assert "Open to everybody who reaches this site." in html.unescape(make_site(access=ACCESS).page("/api"))


def test_the_base_is_the_address_that_was_asked_for(make_site):
    site = make_site(access=ACCESS, web=Web(base_url="/volt/"))
    page = html.unescape(site.get("/api", headers={"host": "pi.lan:8080", "accept": "text/html"}).text)
    assert '"http://pi.lan:8080/volt/telemetry/stale_nodes.json?_shape=array"' in page
    assert re.findall(r'(?:href|action)="(/(?!volt/)[^"]*)"', page) == []
    odd = site.get("/api.json", headers={"host": 'x";rm -rf $HOME;"'})
    assert odd.status_code == 400 and "base" not in odd.json()


def test_values_are_quoted_for_the_shell():
    call = Endpoint("x", method="POST", right=None, fields={}, example={"name": "it's $HOME"})
    assert example("/x", call, "http://h", {}) == ("curl -s -d 'name=it'\"'\"'s $HOME' \"http://h/x\"", None)


@pytest.fixture(
    scope="module",
    params=[{}, {"web": "base_url: /volt/, ", "read": "signed-in"}],
    ids=["open", "closed, below a path"],
)
def running(request, tmp_path_factory):
    """(address of the site, folder, closed) of `voltkeeper web` over a site with nodes and a UPS."""
    folder = tmp_path_factory.mktemp("api")
    new_database(folder / "telemetry.db")
    fill(folder / "telemetry.db")
    connection = connect(folder / "telemetry.db")
    connection.execute(
        "insert into ups (name, label, driver, source, address, configured) "
        "values ('rack@closet', 'Rack', 'nut', 'closet', 'x:3493', 1)"
    )
    connection.execute(
        "insert into ups_variables (ups, variable, value, writable, changed_at) "
        "values (1, 'battery.charge.low', '20', 1, '')"
    )
    connection.commit()
    connection.close()
    (folder / "build").mkdir()
    (folder / "build/sketch.hex").write_bytes((ROOT / "static/sample.hex").read_bytes())
    (folder / "config.yml").write_text(
        f"database: telemetry.db\nweb: {{{request.param.get('web', '')}port: 0}}\n"
        "gateways: [{name: main, tcp: '127.0.0.1:5003'}, {name: shed, tcp: '127.0.0.1:5004'}]\n"
        "ups: {rack@closet: {commands: [test.battery.start], settings: [battery.charge.low]}}\n"
        "nut: [{name: closet, host: 127.0.0.1, port: 9, command_username: u, "
        "command_password: {$env: TOKEN}}]\n"
        f"access: {{read: {request.param.get('read', 'anyone')}, "
        "tokens: [{name: ci, token: {$env: TOKEN}, may: [edit, order, upload, maintain]}]}\n"
    )
    with running_site(folder, "web", "--config", "config.yml", TOKEN=TOKEN) as url:
        yield url + ("/volt" if request.param else ""), folder, bool(request.param)


def ask(line, folder):
    """(status, body) of a curl line."""
    done = subprocess.run(
        ["sh", "-ec", line.replace("curl -s", "curl -s -o answer -w '%{http_code}'", 1)],
        cwd=folder,
        env={**os.environ, "TOKEN": TOKEN},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, (line, done.stderr)
    return int(done.stdout), (folder / "answer").read_bytes()


def test_every_curl_line_works(running):
    url, folder, closed = running
    status, body = ask(f'curl -s -H "Authorization: Bearer $TOKEN" "{url}/api"', folder)
    lines = [html.unescape(line) for line in CURL.findall(body.decode())]
    assert status == 200 and len(lines) > 50
    posts = [line for line in lines if " -d " in line or " -F " in line or " -X POST " in line]
    gets = [line for line in lines if line not in posts]
    assert len(posts) >= 16 and all(f'"{url}/' in line for line in lines)
    for line in gets:
        status, body = ask(line, folder)
        assert status == 200, (line, body[:300])
        assert body[:1] in b"[{" or not re.search(r"\.json[?\"]", line), line
        if closed and "/-/login" not in line and "/manifest.webmanifest" not in line:
            assert (
                ask(line.replace("$TOKEN", "wrong") if "login" in line else without_token(line), folder)[0]
                == 401
            ), line
    for line in posts:
        status, body = ask(without_token(line), folder)
        if line.endswith('/-/logout"'):
            continue
        assert status in (401, 403) and b'"errors"' in body and b"ok" in body, (line, status, body[:300])
    # With a token they fail only at a missing field or object.
    for line in posts:
        status, body = ask(line, folder)
        assert status in (200, 201, 202, 404, 409) or "login" in line, (line, status, body[:300])


def without_token(line):
    return line.replace('-H "Authorization: Bearer $TOKEN" ', "")


def test_a_form_leads_to_its_answer(site):
    page = html.unescape(site.page("/api"))
    form = page.partition('aria-label="Try /nodes/GATEWAY/NODE_ID"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert fields == {"call": "/nodes/GATEWAY/NODE_ID", "GATEWAY": "main", "NODE_ID": "7"}
    for given, address in {
        "call=/nodes/GATEWAY/NODE_ID&GATEWAY=a/b?%23&NODE_ID=7": "/nodes/a%2Fb%3F%23/7",
        "call=/telemetry/TABLE.json&TABLE=nodes&_size=&_shape=array": "/telemetry/nodes.json?_shape=array",
        "call=/-/pulse.json": "/-/pulse.json",
    }.items():
        answer = site.get(f"/api?{given}")
        assert answer.status_code == 302 and answer.headers["location"] == address, given
    for given, status in {"/nodes/GATEWAY/NODE_ID": 400, "/-/orders": 404, "//other.example": 404}.items():
        assert site.get(f"/api?call={given}").status_code == status, given


def test_search(site):
    found = html.unescape(site.page("/api?q=VOLTAGE+histogram"))
    assert "2 found for “VOLTAGE histogram”." in found and "/telemetry/voltage_histogram.json" in found
    assert "/telemetry/stale_nodes.json" not in found
    assert "try fewer words" in html.unescape(site.page("/api?q=voltage+nowhere"))
