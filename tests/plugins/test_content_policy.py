"""What a browser may run: one strict policy; charts and the SQL editor on request."""

import os
import re
import types

from datasette import Response, hookimpl
from datasette.plugins import pm

from ingest.config.model import Web
from ingest.config.plugins import PluginSettings

NATIVE = (
    "/telemetry",
    "/telemetry?_show_hidden=1",
    "/telemetry?sql=select+1+as+a",
    "/telemetry?sql=select+1+as+a&_hide_sql=1",
    "/telemetry?sql=syntax+error",
    "/telemetry/nodes",
    "/telemetry/nodes?_facet=gateway&_sort_desc=name",
    "/telemetry/nodes?_search=x&name__contains=style%3D%22a%22",
    "/telemetry/nodes/12",
    "/telemetry/node_overview",
    "/telemetry/stale_nodes",
    "/telemetry/channel_history?type=V_TEMP",
    "/telemetry/nope",
)
OWN = ("/", "/nodes", "/nodes/main/12", "/radio", "/-/login", "/-/ota", "/-/maintenance", "/nope")
INLINE = re.compile(r"<script(?![^>]*\ssrc=)|<style|<[^>]*\sstyle=|<[^>]*\son\w+=\"|javascript:", re.I)
ELSEWHERE = re.compile(r'(src|href)="(https?:)?//(?!datasette\.io|localhost/)')
TABLE = "/telemetry/nodes"


def policy(response):
    values = response.headers.get_list("content-security-policy")
    assert len(values) == 1
    return dict(part.strip().partition(" ")[::2] for part in values[0].split(";"))


def html(site, path):
    return site.get(path, headers={"accept": "text/html"})


def adds(path, word):
    return f"{path}{'&' if '?' in path else '?'}{word}"


def test_no_page_needs_inline_scripts_or_eval(site):
    for path in (*NATIVE, *OWN, *(adds(path, "_edit=1") for path in NATIVE + OWN)):
        response = html(site, path)
        assert "unsafe" not in str(policy(response)), path
        assert not INLINE.search(response.text), (path, INLINE.search(response.text))
        assert "datasette_vega" not in response.text, path
        assert not ELSEWHERE.search(response.text), (path, ELSEWHERE.search(response.text))


def test_a_page_that_asks_for_it_has_charts(site):
    for path in (TABLE, "/telemetry/node_overview?_sort=name", "/telemetry/channel_history", "/telemetry"):
        response = html(site, adds(path, "_chart=1"))
        assert policy(response)["script-src"] == "'self' 'unsafe-eval'", path
        assert "datasette_vega" in response.text and not INLINE.search(response.text), path


def test_nothing_else_gets_the_policy_of_charts(site):
    for path in (
        *(
            adds(TABLE, word)
            for word in ("_chart=0", "_chart=", "_chart=11", "x_chart=1", "_chart=%31", "_CHART=1")
        ),
        "/telemetry/nodes.json?_chart=1",
        "/telemetry/nodes.csv?_chart=1",
        "/telemetry/nope?_chart=1",
        "/telemetry?sql=syntax+error&_chart=1",
        "/telemetryx?_chart=1",
        *(adds(path, "_chart=1") for path in OWN),
    ):
        response = html(site, path)
        assert "unsafe" not in str(policy(response)) and "datasette_vega" not in response.text, path


def test_charts_and_the_editor_are_links(site):
    table = site.page(TABLE + "?_sort=name")
    assert 'href="/telemetry/nodes?_sort=name&amp;_chart=1">Chart<' in table
    shown = site.page(TABLE + "?_sort=name&_chart=1")
    assert 'href="/telemetry/nodes?_sort=name">Without chart<' in shown and "<noscript>" in shown
    assert '<input type="hidden" name="_chart" value="1">' in shown  # a filter keeps the chart
    assert ">Chart<" not in site.page(TABLE + "?name=nope") and ">Chart<" not in site.page(
        "/telemetry/nodes/12"
    )
    query = site.page("/telemetry?sql=select+1")
    assert 'href="/telemetry?sql=select+1&amp;_edit=1">SQL editor<' in query and "codemirror" not in query
    editor = site.page("/telemetry?sql=select+1&_edit=1")
    assert "codemirror" in editor and "sql-editor.js" in editor
    assert '<input type="hidden" name="_edit" value="1">' in editor and ">Plain text<" in editor
    assert (
        "_edit=1"
        in re.search(r'<a href="([^"]+)" class="canned-query-edit-sql"', site.page("/telemetry/stale_nodes"))[
            1
        ]
    )


def test_a_query_with_a_fragment_opens_as_a_chart(site):
    [link] = re.findall(r'href="(/telemetry/[^"]*#g\.mark[^"]*)"', site.page("/telemetry/channel_history"))
    assert "?_chart=1#" in link


def test_each_cell_names_its_column_for_phones(site):
    assert 'data-label="Sketch name"' in site.page(TABLE)
    assert 'data-label="a &#34;b&#34;"' in site.page('/telemetry?sql=select+1+as+"a+""b"""')


def test_refusals_carry_the_policy_too(site):
    for answer in (
        site.get("/-/auth-token"),
        site.get("/", headers={"host": "evil.example.com"}),
        site.post("/nodes"),
        site.get("/", headers={"authorization": "Bearer x"}),
    ):
        assert answer.status_code >= 400 and "unsafe" not in str(policy(answer))


def test_charts_work_below_a_prefix(make_site):
    site = make_site(web=Web(base_url="/volt/"))
    response = html(site, TABLE + "?_chart=1")  # the client puts /volt before it
    assert policy(response)["script-src"] == "'self' 'unsafe-eval'"
    assert 'src="/volt/-/static-plugins/datasette_vega' in response.text
    assert f'href="/volt{TABLE}">Without chart<' in response.text


def test_a_plugin_widens_it_below_its_paths_alone(make_site):
    csp = {"script-src": ("'unsafe-eval'",), "img-src": ("https://tile.example",)}
    tiles = PluginSettings({"key": {"$env": "PATH"}}, ("/-/alerts-map", "/nodes/main"), csp)
    site = make_site(plugins={"tiles": tiles, "other": PluginSettings({"a": 1})})
    found = policy(html(site, "/nodes/main/12"))
    assert found["script-src"] == "'self' 'unsafe-eval'" and found["object-src"] == "'none'"
    assert found["img-src"] == "'self' data: https://tile.example"
    strict = policy(html(site, "/nodes"))
    assert "script-src" not in strict and strict["img-src"] == "'self' data:"
    assert (
        policy(html(site, "/nodes/mainland/1")) == strict and policy(html(site, "/nodes/shed/12")) == strict
    )
    assert site.datasette.plugin_config("tiles") == {"key": os.environ["PATH"]}
    assert site.datasette.plugin_config("other") == {"a": 1}
    assert "tile.example" not in site.get("/-/metadata.json").text


def test_a_plugin_has_its_pages_at_addresses_where_the_site_takes_posts(site):
    async def shown(request):
        return Response.text(f"its page {request.url_vars}")

    plugin = types.ModuleType("other_dashboards")
    routes = [(r"^/-/dashboards$", shown), (r"^/-/dashboards/(?P<slug>[^/]+)$", shown)]
    plugin.register_routes = hookimpl(lambda: routes)
    assert site.get("/-/dashboards").status_code == 405
    pm.register(plugin)
    try:
        assert site.get("/-/dashboards").text == "its page {}"
        assert site.get("/-/dashboards/house").text == "its page {'slug': 'house'}"
        assert site.post("/-/dashboards").json()["errors"][0].startswith("Sign in first")
    finally:
        pm.unregister(plugin)
