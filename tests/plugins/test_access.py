"""Access: passwords, cookies, tokens, pages only for signed-in users, and pages for nobody."""

import asyncio
import dataclasses
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from datasette_auth_passwords.utils import hash_password

from ingest.config.model import Access, ConfigError, Person
from plugins.web.accounts import OF_ONE, PasswordChecker
from plugins.web.app.secret import kept_secret
from tests.plugins.site_helpers import ACCESS, BOT, BROWSER, PASSWORD, READER, bearer

CLOSED = dataclasses.replace(ACCESS, read="signed-in")
PRIVATE = [
    "/",
    "/nodes",
    "/nodes/main/12",
    "/telemetry",
    "/telemetry/nodes",
    "/telemetry/nodes.json",
    "/telemetry/stale_nodes.csv",
    "/telemetry.json?sql=select+1",
    "/-/pulse.json",
    "/-/metadata.json",
    "/-/databases.json",
    "/-/allow-debug",
    "/.json",
    "/-/orders",
    "/-/static/../nodes",
    "/-/login/../nodes",
    "/%2d/login",
    "/nope",
]


@pytest.mark.parametrize("path", PRIVATE)
def test_signed_in_reading_covers_every_path(make_site, path):
    site = make_site(access=CLOSED)
    response = site.get(path)
    assert response.status_code == 401 and response.json()["ok"] is False, response.text
    assert "Greenhouse" not in response.text
    page = site.get(path, headers=BROWSER)
    assert page.status_code == 302 and page.headers["location"].startswith("/-/login?next=")


def test_signed_in_users_and_tokens_read(make_site):
    site = make_site(access=CLOSED)
    assert site.get("/nodes", headers=bearer(READER)).status_code == 200
    assert site.get("/-/static/app.css").status_code == 200
    assert site.get("/static/voltkeeper.css").status_code == 200
    assert "Greenhouse" not in site.page("/-/login")
    site.login("guest")
    assert site.get("/nodes").status_code == 200


def test_secrets_are_in_no_public_answer(site):
    secrets = [BOT, READER, site.datasette._secret, *(person.password_hash for person in ACCESS.people)]
    for name in (
        "metadata",
        "plugins",
        "settings",
        "databases",
        "versions",
        "threads",
        "actor",
        "config",
        "pulse",
    ):
        for path in (f"/-/{name}.json", f"/-/{name}"):
            text = site.get(path, follow_redirects=True).text
            assert not [secret for secret in secrets if secret in text], path


def test_a_browser_signs_in_and_out(site):
    data = {"username": "owner", "password": PASSWORD, "csrftoken": site.token(), "next": "/nodes"}
    response = site.post("/-/login", data=data, headers=BROWSER)
    assert (response.status_code, response.headers["location"]) == (302, "/nodes")
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie
    site.cookies["ds_actor"] = response.cookies["ds_actor"]
    assert site.get("/-/actor.json").json()["actor"]["id"] == "owner"
    assert "disabled" not in site.page("/nodes/main/12")
    out = site.post("/-/logout", data={"csrftoken": site.token()}, headers=BROWSER)
    assert out.status_code == 302 and "ds_actor=" in out.headers["set-cookie"]
    assert site.get("/-/actor.json").json()["actor"] is None  # the cookie is the old one


def test_a_revoked_right_applies_to_old_cookies(make_site):
    cookies = make_site(access=ACCESS).login().cookies
    fewer = dataclasses.replace(ACCESS, people=(dataclasses.replace(ACCESS.people[0], may=frozenset()),))
    site = make_site(access=fewer)
    site.cookies = dict(cookies)
    assert site.get("/-/actor.json").json()["actor"]["id"] == "owner"
    fields = {"csrftoken": site.token(), "node": "12", "location": "x"}
    assert site.post("/telemetry/set_location", data=fields).status_code == 403


@pytest.mark.parametrize(
    "people", [(), (Person("owner", hash_password("new", iterations=1000), frozenset({"edit"})),)]
)
def test_removed_users_and_old_passwords_are_signed_out(make_site, people):
    cookies = make_site(access=CLOSED).login().cookies
    site = make_site(access=dataclasses.replace(CLOSED, people=people))
    site.cookies = dict(cookies)
    assert site.get("/nodes").status_code == 401


def test_a_cookie_survives_a_restart(make_site):
    cookies = make_site(access=CLOSED).login().cookies
    site = make_site(access=CLOSED)
    site.cookies = dict(cookies)
    assert site.get("/nodes").status_code == 200


def test_forged_cookies_and_malformed_headers_are_ignored(site):
    for headers in (
        {"cookie": "ds_actor=forged"},
        {"cookie": "ds_actor=" + site.datasette.sign({"a": {"id": "owner"}}, "actor")},
        {"cookie": "ds_actor=" + site.datasette.sign({"a": ["owner"]}, "actor")},
        {"cookie": "ds_actor=" + site.datasette.sign("owner", "actor")},
        {"authorization": "Basic b3duZXI6eA=="},
        {"authorization": "nonsense"},
        {b"cookie": b"ds_actor=\xff\xfe"},
    ):
        response = site.run(site.datasette.client.get("/-/actor.json", headers=headers))
        assert response.status_code == 200 and response.json()["actor"] is None, headers
    for value in (b"Bearer \xc3\xa9", b"Bearer ", b"Bearer wrong", b"bearer wrong"):
        assert site.run(site.datasette.client.get("/", headers={b"authorization": value})).status_code in (
            401,
            429,
        )
    assert site.post("/-/orders", headers={b"x-csrftoken": b"\xe9"}, data={"all": "1"}).status_code == 401


def test_unused_methods_are_refused(site):
    for method in ("PUT", "PATCH", "DELETE", "TRACE"):
        response = site.run(site.datasette.client.request(method, "/telemetry/nodes"))
        assert response.status_code == 405 and response.json()["ok"] is False
    assert site.get("/-/password-tool").status_code == 404
    assert site.get("/-/auth-token?token=é").status_code == 404


def test_datasette_keeps_nothing_else_open(site):
    assert site.get("/_memory").status_code == 404
    assert site.get("/_internal").status_code in (401, 403)
    assert site.get("/-/permissions").status_code in (401, 403)
    site.login()
    assert site.get("/_internal").status_code in (401, 403)


def test_wrong_passwords_are_reported_and_audited(site):
    for name in ("owner", "nobody"):
        response = site.post("/-/login", data={"username": name, "password": "wrong"})
        assert response.status_code == 401 and response.json()["errors"] == [
            "The name or the password is wrong"
        ]
    page = site.post(
        "/-/login", data={"username": "é", "password": "ü", "csrftoken": site.token()}, headers=BROWSER
    )
    assert page.status_code == 401 and "is wrong" in page.text
    site.login()
    assert site.rows("select actor, outcome, count from audit where action = 'sign-in' order by id") == [
        ("owner", "refused: wrong password", 1),
        (None, "refused: unknown name", 2),
        ("owner", "done", 1),
    ]


def test_signing_in_does_not_stall_pages(site):
    release = threading.Event()
    site.datasette.accounts.passwords = PasswordChecker({"owner": ""}, lambda *_: not release.wait(60))

    async def both():
        client = site.datasette.client
        wrong = [
            asyncio.create_task(client.post("/-/login", data={"username": f"n{n}", "password": "x"}))
            for n in range(12)
        ]
        while site.datasette.accounts.new_browsers.waiting < OF_ONE:
            await asyncio.sleep(0.01)
        page = await client.get("/-/pulse.json")  # while a password is being checked
        assert not release.is_set()
        release.set()
        return page.status_code, [(await task).status_code for task in wrong]

    status, answers = site.run(asyncio.wait_for(both(), 60))
    assert status == 200 and set(answers) == {401, 429} and answers.count(429) >= 12 - OF_ONE


def test_unknown_names_take_as_long_as_known_ones(site):
    """The dummy hash of an unknown name has the same number of iterations as real ones."""
    compared = []
    hashes = {"owner": hash_password(PASSWORD)}
    checker = PasswordChecker(hashes, lambda password, known: compared.append(known) or True)
    assert site.run(checker.check("owner", "wrong")) and not site.run(checker.check("nobody", "wrong"))
    costs = {known.split("$")[1] for known in compared}
    assert len(compared) == 2 and len(costs) == 1
    assert not site.run(PasswordChecker(hashes).check("nobody", PASSWORD))


def test_the_signing_key_is_made_once_and_private(tmp_path):
    database = tmp_path / "x.db"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(kept_secret, [database] * 16))
    path = tmp_path / "x.db.secret"
    assert len(keys) == 1 and path.read_text().strip() in keys
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    path.write_text("cut")
    path.chmod(0o644)
    assert kept_secret(database) not in keys
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_an_invalid_hash_prevents_the_start(make_site):
    with pytest.raises(ConfigError, match="hash-password"):
        make_site(access=Access(people=(Person("owner", "secret", frozenset()),)))
