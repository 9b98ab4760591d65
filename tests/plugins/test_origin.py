"""Forms of other sites are refused, before a sign-in and after it."""

import pytest

from plugins.web.auth.origin import is_own
from tests.plugins.site_helpers import ACCESS, BOT, BROWSER, PASSWORD, bearer

HERE = "http://localhost"


@pytest.fixture(scope="module")
def site(module_site):
    return module_site(access=ACCESS)


def place(site, headers, **fields):
    return site.post(
        "/telemetry/set_location", data={"node": "12", "location": "x", **fields}, headers=headers
    )


FOREIGN = (
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": HERE},
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "http://localhost.evil.example"},
    {"origin": "http://localhost:8080"},
    {"origin": "http://localhost@evil.example"},
    {"origin": "file://localhost"},
    {"origin": "http://[broken"},
)
OWN = (
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "same-origin", "origin": "http://behind-a-proxy.lan"},
    {"origin": HERE},
    {"origin": "https://localhost"},
    {"origin": "http://LOCALHOST:80"},
)


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_foreign_form_is_refused_even_with_the_token(site, headers):
    site.cookies.clear()
    site.login()
    token = site.token()
    refused = place(site, headers, csrftoken=token)
    assert refused.status_code == 403 and "another site" in refused.json()["errors"][0]
    site.cookies.clear()
    data = {"username": "owner", "password": PASSWORD, "csrftoken": site.token()}
    refused = site.post("/-/login", data=data, headers=headers)
    assert refused.status_code == 403 and "ds_actor" not in refused.cookies


@pytest.mark.parametrize("headers", OWN)
def test_an_own_form_needs_the_token_of_its_session(site, headers):
    site.cookies.clear()
    site.login()
    assert place(site, headers).status_code == 403
    assert place(site, headers, csrftoken=site.token()).status_code == 200


def test_a_token_is_of_one_session_alone(site):
    site.cookies.clear()
    before = site.token()
    kept = dict(site.cookies)
    first = site.login("guest").token()
    site.cookies = dict(kept)
    second = site.login().token()
    for other in (before, first):
        for options in ({"csrftoken": other}, {}):
            headers = {"x-csrftoken": other} if not options else {}
            assert place(site, headers, **options).status_code == 403
    assert place(site, {}, csrftoken=second).status_code == 200
    # One session, one token, masked anew on each page: an open form stays good.
    assert second != site.token() and place(site, {}, csrftoken=second).status_code == 200


def test_nobody_is_signed_in_by_another_site(site):
    """An old browser sends neither header, and no cookie to a form of another site."""
    site.cookies.clear()
    data = {"username": "owner", "password": PASSWORD}
    refused = site.post("/-/login", data=data, headers=BROWSER)
    assert refused.status_code == 403 and "ds_actor" not in refused.cookies
    assert site.post("/-/login", data={**data, "csrftoken": site.token()}, headers=BROWSER).status_code == 302
    site.cookies.clear()
    assert site.post("/-/login", data=data).status_code == 200  # a program


def test_a_bearer_token_needs_no_form_token(site):
    site.cookies.clear()
    for headers in ({}, {"origin": "app://localhost"}, {"cookie": "a=b"}, {"sec-fetch-site": "cross-site"}):
        assert place(site, {**bearer(BOT), **headers}).status_code == 200, headers


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        ("http://pi.lan:8001", "pi.lan:8001", True),
        ("https://volt.example.org", "volt.example.org:443", True),
        ("http://[fe80::1]:8001", "[fe80::1]:8001", True),
        ("http://pi.lan:8001", "pi.lan", False),
        ("http://pi.lan", "", False),
        ("null", "null", False),
        ("", "", False),
    ],
)
def test_own_origins(origin, host, expected):
    assert is_own(origin, host) is expected
