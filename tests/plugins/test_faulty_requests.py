"""Addresses and bodies that are wrong get 400 or 404 with a message, on every page; none is a 500."""

import json
from urllib.parse import quote

import pytest
from datasette.utils import PrefixedUrlString

from ingest.config.model import Config, GatewaySettings
from ingest.schema.migrate import migrate
from plugins.web.app.server import build
from plugins.web.request_faults import request_fault
from tests.plugins.site_helpers import ACCESS, BROWSER, SiteClient, bearer, fill

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One site for all of these: none of them changes anything."""
    path = tmp_path_factory.mktemp("site") / "house.db"
    migrate(path)
    fill(path)
    gateways = (GatewaySettings("main", tcp="main:5003"), GatewaySettings("shed", tcp="shed:5003"))
    site = SiteClient(build(Config(database=path, timezone="UTC", gateways=gateways, access=ACCESS)))
    yield site
    site.close()


def answer(site, path, **headers):
    return site.get(PrefixedUrlString(path), headers=headers)


def assert_refused(answer, *texts, status=400):
    body = answer.json()
    assert answer.status_code == status, (answer.status_code, body)
    message = body["error"] if "error" in body else body["errors"][0]
    assert body["ok"] is False and all(text in message for text in texts), body


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("node_overview.json?_next=x", "_next cannot be 'x'"),
        ("node_overview.json?_next=%00", "_next cannot be"),
        ("node_overview.json?_next=1e400", "_next cannot be '1e400'"),
        ("node_overview.json?_sort=nope", "Cannot sort table by nope"),
        ("nodes.json?_sort=nope", "Cannot sort table by nope"),
        ("nodes.json?_sort_desc=" + "9" * 500, "Cannot sort table by"),
        ("nodes.json?_sort=id&_sort_desc=id", "_sort and _sort_desc"),
        ("nodes.json?_size=x", "_size"),
        ("nodes.json?_size=-1", "_size"),
        ("nodes.json?_nocount=1&_through=x", "_through"),
        ("nodes.json?_through=%7B%7D", "_through"),
        ("nodes.json?_through=%5B1%5D", "_through"),
        ("nodes.json?_facet_date=%00", "null character"),
        ("nodes.json?_where=%00", "null character"),
        ("stale_nodes.json?_timelimit=x", "_timelimit cannot be 'x'"),
        ("stale_nodes.json?_timelimit=%D9%A1x", "_timelimit cannot be"),
        ("nodes.csv?_stream=1&_next=1", "_next"),
        ("nodes.blob", "_blob_column"),
    ],
)
def test_a_parameter_of_a_native_page(site, path, text):
    if ".json" in path:
        assert_refused(answer(site, f"/telemetry/{path}"), text)
    page = answer(site, f"/telemetry/{path.replace('.json', '')}", **BROWSER)
    assert page.status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/telemetry/node_radio_daily/2026-11-30.json",
        "/telemetry/moved_days/1,2.json",
        "/telemetry/settings/x.json",
        "/telemetry/nodes/nope.json",
        "/telemetry/nodes/1,2,3.json",
        "/telemetry/nodes/99999999999999999999999.json",
        "/telemetry/nodes/~00.json",
        "/telemetry/none.json",
    ],
)
def test_a_row_that_does_not_exist(site, path):
    assert_refused(answer(site, path), status=404)


@pytest.mark.parametrize(
    "path",
    "/-/ups/order /-//maintenance /-//ota /nodes//12 /ups//x /-/nothing /ups/a/b /nodes/main/12/x "
    "/-/delete/x /channels/1/2 /-/replace.html /pages/nodes /_partials /base".split(),
)
def test_no_template_is_a_page_of_its_own(site, path):
    assert answer(site, path, **BROWSER).status_code == 404


@pytest.mark.parametrize("path", ["//evil.example/", "//evil.example/%2f", "/\\evil.example/", "///x/", "//"])
def test_no_redirect_leads_to_another_site(site, path):
    got = answer(site, path, **BROWSER)
    assert got.status_code == 404 and "location" not in got.headers


@pytest.mark.parametrize(
    "body",
    [
        b'{"%s": "\\ud800"}',
        b'{"%s": "a\\udfffb"}',
        b'{"\\ud83d": 1}',
        b'{"%s": NaN}',
        b'{"%s": Infinity}',
        b'{"%s": -Infinity}',
        b'{"%s": 1e999}',
        b'{"%s": ' + b"9" * 5000 + b"}",
        b'{"%s": [1]}',
        b'{"%s": {"a": 1}}',
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b'"x"',
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b"\x00",
        b'\xef\xbb\xbf{"a": 1}',
    ],
)
@pytest.mark.parametrize(
    ("path", "field"),
    [("/-/orders", "node"), ("/telemetry/set_location", "location"), ("/-/login", "username")],
)
def test_a_json_body(site, path, field, body):
    got = site.post(path, content=body.replace(b"%s", field.encode()), headers={**bearer(), **JSON})
    assert_refused(got)


def test_half_a_character_is_named(site):
    body = rb'{"node": "1", "value": "x\ud800"}'
    got = site.post("/-/orders", content=body, headers={**bearer(), **JSON})
    assert_refused(got, "value holds half a character")


def test_whole_characters_are_taken(site):
    body = json.dumps({"node": 12, "location": "🔋 house"}).encode()
    got = site.post("/telemetry/set_location", content=body, headers={**bearer(), **JSON})
    assert got.status_code == 200, got.text


def test_what_fails_in_code_of_the_site_stays_a_fault_of_the_site():
    with pytest.raises(ValueError, match="x") as caught:
        int("x")
    assert request_fault(None, caught.value) is None


def test_a_query_that_fails_is_not_printed(site, capfd):
    answer(site, f"/telemetry/nodes.json?_where={quote('nope')}")
    answer(site, "/telemetry/moved_days/1.json")
    assert "nope" not in "".join(capfd.readouterr())
