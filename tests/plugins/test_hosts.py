"""The names by which the site may be asked for, the proxies it believes, and headers of every response."""

import socket

import httpx
import pytest

from ingest.config.model import Config, ConfigError, Web
from plugins.web.app.hosts import is_known
from plugins.web.app.server import build
from tests.helpers.config_text import parse_config
from tests.plugins.site_helpers import ACCESS, BROWSER, SiteClient

NAMES = frozenset({"house.example.net", "*.volt.example.org", "raspberry"})


@pytest.mark.parametrize(
    "host",
    "127.0.0.1 192.168.1.7 [::1] [2001:db8::7] localhost app.localhost raspberrypi RaspberryPi.local "
    "volt.lan a.b.lan x.home.arpa house.example.net HOUSE.example.net. a.volt.example.org".split(),
)
def test_a_name_of_this_site(host):
    assert is_known(host, NAMES)


@pytest.mark.parametrize(
    "host",
    "evil.example 127.0.0.1.nip.io localhost.evil.example evil.local.example lan.evil.example local.com "
    "xlocal.example example.net other.example.net volt.example.org xvolt.example.org 999.1.1.1 127.1 "
    "house.example.net.evil.example [::g] 0x7f.0.0.1".split(),
)
def test_a_name_that_is_not_of_this_site(host):
    assert not is_known(host, NAMES)


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """One site for all of these: none of them changes anything."""
    config = Config(
        database=tmp_path_factory.mktemp("site") / "house.db",
        timezone="UTC",
        access=ACCESS,
        web=Web(hosts=("house.example.net",)),
    )
    site = SiteClient(build(config))
    yield site
    site.close()


@pytest.mark.parametrize("path", ["/", "/-/login", "/static/voltkeeper.css", "/telemetry.json", "/none"])
def test_another_name_gets_the_config_line(named, path):
    answer = named.get(path, headers={"host": "rebound.example:8001"})
    assert answer.status_code == 421 and answer.json()["ok"] is False
    assert "web: {hosts: [rebound.example]}" in answer.json()["errors"][0]
    assert named.get(path, headers={"host": "house.example.net:443"}).status_code != 421


def test_a_browser_gets_the_config_line_as_text(named):
    answer = named.get("/", headers={"host": "rebound.example", **BROWSER})
    assert answer.status_code == 421 and answer.headers["content-type"].startswith("text/plain")
    assert "[rebound.example]" in answer.text


def test_a_form_is_refused_by_its_host_too(named):
    answer = named.post("/-/login", data={"username": "owner"}, headers={"host": "rebound.example"})
    assert answer.status_code == 421


@pytest.mark.parametrize(
    "host", ["a@b", "a b", "x/y", "[::1", "a" * 300, "x:port", "é", "a,localhost", "<b>", "localhost:80:80"]
)
def test_what_is_no_host_is_refused(named, host):
    answer = named.get("/", headers={"host": host.encode("latin-1")})
    assert answer.status_code == 400 and "Host" in answer.json()["errors"][0]


def test_each_of_several_hosts_counts(named):
    headers = [("host", "localhost"), ("host", "rebound.example")]
    assert named.get("/", headers=headers).status_code == 421


def test_the_name_of_the_machine_is_known(named):
    assert named.get("/", headers={"host": socket.gethostname()}).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ("hosts: ['house.example.net:8001']", "hosts"),
        ("hosts: ['https://house.example.net']", "hosts"),
        ("hosts: ['*']", "hosts"),
        ("hosts: ['a b']", "hosts"),
        ("proxies: [nginx]", "proxies"),
        ("proxies: ['*']", "proxies"),
        ("proxies: [127.0.0.1/8]", "proxies"),
        ("proxies: ['127.0.0.1:80']", "proxies"),
    ],
)
def test_what_is_no_name_or_address_is_refused(wrong, key, tmp_path):
    with pytest.raises(ConfigError, match=rf"web\.{key}: "):
        parse_config(f"web: {{{wrong}}}", tmp_path)


def test_proxies_are_addresses_and_networks(tmp_path):
    web = parse_config("web: {proxies: [127.0.0.1, 172.16.0.0/12, '::1']}", tmp_path).web
    assert [
        one for one in ("127.0.0.1", "127.0.0.2", "172.17.0.3", "::1", "::1%lo", "") if web.is_proxy(one)
    ] == [
        "127.0.0.1",
        "172.17.0.3",
        "::1",
        "::1%lo",
    ]
    assert not Web().is_proxy("127.0.0.1")


@pytest.mark.parametrize(
    "path", ["/", "/telemetry/nodes.json", "/static/voltkeeper.css", "/none", "/-/login"]
)
@pytest.mark.parametrize("host", ["localhost", "rebound.example"])
def test_every_response_keeps_other_sites_away(named, path, host):
    headers = named.get(path, headers={"host": host}).headers
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] in (
        "same-origin",
        "no-referrer",
    )
    assert "camera=()" in headers["permissions-policy"]
    assert "strict-transport-security" not in headers


def test_behind_https_browsers_are_kept_there(named):
    async def ask():
        transport = httpx.ASGITransport(app=named.datasette.app())
        async with httpx.AsyncClient(transport=transport, base_url="https://localhost") as client:
            return await client.get("/")

    answer = named.run(ask())
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
