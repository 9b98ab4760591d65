"""Sessions: they end on the server, and no address and no SQL shows them."""

import dataclasses
import sqlite3
import time
from urllib.parse import quote

import pytest
from datasette import Request
from datasette.plugins import pm
from datasette_auth_passwords.utils import hash_password

from ingest.clock.belief import Witness, save_witness
from ingest.config.model import Person
from ingest.db.connection import connect
from ingest.db.time import format_utc
from plugins.web.pages.account import browser_name
from plugins.web.sessions import (
    DAY_S,
    MOST,
    SESSION_DAYS,
    TOUCH_S,
    Session,
    find_session,
    hash_of,
    is_due,
)
from tests.helpers.played_clock import PlayedClock
from tests.plugins.site_helpers import ACCESS, BOT, BROWSER, PASSWORD, bearer


@pytest.fixture(scope="module")
def shared(module_site):
    return module_site(access=ACCESS)


def who(site, secret):
    answer = site.run(site.datasette.client.get("/-/actor.json", cookies={"ds_actor": secret})).json()
    return (answer["actor"] or {}).get("id")


def signed_in(site, name="owner", **options):
    """The secret of a new session."""
    site.cookies.clear()
    data = {"username": name, "password": PASSWORD}
    return site.run(site.datasette.client.post("/-/login", data=data, **options)).cookies["ds_actor"]


def write(site, sql, *values):
    connection = sqlite3.connect(site.datasette.config.database)
    with connection:
        connection.execute(sql, values)
    connection.close()


def form(site, secret, path, **fields):
    """A POST of a form of the session's own page."""
    site.cookies = {"ds_actor": secret}
    return site.post(path, data={"csrftoken": site.token(), **fields})


def test_each_sign_in_is_a_session_and_a_sign_out_ends_it(shared):
    one, other = signed_in(shared), signed_in(shared)
    assert one != other and who(shared, one) == who(shared, other) == "owner"
    assert form(shared, one, "/-/logout").status_code == 200
    assert (who(shared, one), who(shared, other)) == (None, "owner")
    assert form(shared, one, "/-/logout").status_code in (200, 403)  # once more, without a session


def test_a_sign_in_takes_the_place_of_the_session_before(shared):
    old = signed_in(shared)
    shared.cookies = {"ds_actor": old}
    data = {"username": "guest", "password": PASSWORD, "csrftoken": shared.token()}
    assert who(shared, shared.post("/-/login", data=data).cookies["ds_actor"]) == "guest"
    assert who(shared, old) is None


CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (CHROME, "Chrome on Linux"),
        (CHROME.replace("X11; Linux", "Linux; Android 15; Pixel"), "Chrome on Android"),
        (f"{CHROME} Edg/130.0.0.0", "Edge on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Windows NT 10.0; rv:131.0) Gecko/20100101 Firefox/131.0", "Firefox on Windows"),
        ("curl/8.5.0", "curl"),
        ("Phone", "Phone"),
    ],
)
def test_a_session_is_named_by_browser_and_system(user_agent, name):
    assert browser_name(user_agent) == name


def test_the_account_lists_sessions_and_ends_them(shared):
    mine = signed_in(shared, headers={"user-agent": "Firefox \u202e<b>".encode()})
    lost, of_guest = signed_in(shared, headers={"user-agent": "Phone"}), signed_in(shared, "guest")
    shared.cookies = {"ds_actor": mine}
    page = shared.page("/-/account")
    assert "Firefox &lt;b&gt;" in page and "Phone" in page and "this one" in page
    listed = shared.get("/-/account").json()["sessions"]
    assert [one["user_agent"] for one in listed if one["is_this"]] == ["Firefox <b>"]
    number = next(one["id"] for one in listed if one["user_agent"] == "Phone")
    of_other = shared.rows("select id from sessions where hash = ?", hash_of(of_guest))[0][0]
    assert form(shared, mine, f"/-/account/sessions/{number}/end").status_code == 200
    assert form(shared, mine, f"/-/account/sessions/{of_other}/end").status_code == 404
    assert (who(shared, mine), who(shared, lost), who(shared, of_guest)) == ("owner", None, "guest")
    more = [signed_in(shared) for _ in range(2)]
    assert form(shared, mine, "/-/account/sign-out-everywhere").status_code == 200
    assert {who(shared, secret) for secret in (mine, *more)} == {None} and who(shared, of_guest) == "guest"


def test_tokens_and_strangers_have_no_sessions(shared):
    assert shared.get("/-/account", headers=bearer(BOT)).json()["sessions"] == []
    shared.cookies.clear()
    assert shared.get("/-/account").status_code == 401
    assert shared.get("/-/account", headers=BROWSER).status_code == 302
    assert shared.post("/-/account/sign-out-everywhere").status_code == 401


@pytest.mark.parametrize("days", [SESSION_DAYS + 1, SESSION_DAYS + 400])
def test_a_session_expires(shared, days):
    secret = signed_in(shared)
    past = format_utc(time.time() - days * DAY_S)
    write(shared, "update sessions set created_at = ? where hash = ?", past, hash_of(secret))
    assert who(shared, secret) is None
    signed_in(shared)  # which removes it
    assert shared.rows("select count(*) from sessions where hash = ?", hash_of(secret)) == [(0,)]


@pytest.mark.parametrize(("synchronized", "lasts"), [(False, True), (True, False)])
def test_no_session_expires_by_a_clock_that_is_not_believed(shared, synchronized, lasts):
    """The clock has jumped by four years; NTP says that it is right, or nothing does."""
    secret = signed_in(shared)
    past = format_utc(time.time() - 4 * 365 * DAY_S)
    write(shared, "update sessions set created_at = ? where hash = ?", past, hash_of(secret))
    connection = connect(shared.datasette.config.database)
    connection.execute("begin")
    save_witness(connection, Witness("another boot", 0.0, time.time() - 4 * 365 * DAY_S, ""))
    clock = PlayedClock(time.time(), 9.0, "this boot", synchronized)
    found = find_session(connection, secret, shared.datasette.accounts.cookie_keys, clock)
    connection.rollback()
    connection.close()
    assert (found is not None) == lasts


def test_a_new_password_and_a_removed_user_end_sessions(make_site):
    site = make_site(access=ACCESS)
    secret = signed_in(site)
    new = Person("owner", hash_password("new", iterations=1000), frozenset({"edit"}))
    for people in ((new,), (), (ACCESS.people[1],)):
        assert who(make_site(access=dataclasses.replace(ACCESS, people=people)), secret) is None
    assert who(make_site(access=ACCESS), secret) == "owner"  # a restart with the same password


def test_forged_secrets_are_no_sessions(shared):
    secret = signed_in(shared)
    number, digest = shared.rows("select id, hash from sessions order by id desc limit 1")[0]
    old_kind = shared.datasette.sign({"a": {"id": "owner", "key": "x"}}, "actor")
    for forged in (digest, str(number), old_kind, secret[:-1], secret.swapcase(), "x" * 4000, "'or 1=1"):
        assert who(shared, forged) is None, forged
    assert secret not in str(shared.rows("select * from sessions"))


def test_only_a_session_makes_an_actor(shared):
    """Datasette's own cookie, which nothing ends, is believed nowhere, whatever lies above its hooks."""
    cookie = "ds_actor=" + shared.datasette.sign({"a": {"id": "owner"}}, "actor")
    request = Request.fake("/")
    request.scope["headers"] = [(b"cookie", cookie.encode())]
    assert not pm.has_plugin("datasette.actor_auth_cookie")
    found = [hook for hook in pm.hook.actor_from_request(datasette=shared.datasette, request=request)]
    assert [actor for actor in found if isinstance(actor, dict)] == []


def test_sessions_are_in_no_answer(shared):
    secret = signed_in(shared)
    digest = hash_of(secret)
    shared.cookies = {"ds_actor": secret}
    paths = [
        "/telemetry/sessions",
        "/telemetry/sessions.json",
        "/telemetry/sessions.csv",
        "/telemetry/sessions/1",
    ]
    paths += ["/telemetry/nodes.json?_where=exists(select+1+from+sessions+where+hash+like+'a%25')"]
    for sql in (
        "select * from sessions",
        "select count(*) from sessions",
        "select hash from main.Sessions",
        "select s.user_agent from nodes, sessions s",
    ):
        paths.append(f"/telemetry.json?sql={quote(sql)}")
    for path in paths:
        answer = shared.get(path)
        assert answer.status_code == 403 and digest not in answer.text, (path, answer.text)
    for path in ("/telemetry", "/telemetry.json", "/.json", "/api.json"):
        answer = shared.get(path)
        assert answer.status_code == 200 and digest not in answer.text and secret not in answer.text


def test_the_last_use_is_written_every_ten_minutes_at_most(shared):
    secret = signed_in(shared)

    def last_used():
        who(shared, secret)
        shared.run(shared.datasette.get_database("telemetry").execute_write_fn(lambda connection: None))
        return shared.rows("select last_used_at from sessions where hash = ?", hash_of(secret))[0][0]

    first = last_used()
    assert last_used() == first
    past = format_utc(time.time() - TOUCH_S - 1)
    write(shared, "update sessions set last_used_at = ? where hash = ?", past, hash_of(secret))
    assert last_used() > past
    write(shared, "update sessions set last_used_at = ? where hash = ?", past, hash_of(secret))
    assert last_used() == past  # not twice, whatever the rows say


def test_a_clock_that_was_set_back_counts_as_due():
    session = Session(1, "", "owner", "", format_utc(1000), format_utc(1000), "")
    assert not is_due(session, 1000 + TOUCH_S - 1)
    assert is_due(session, 1000 + TOUCH_S) and is_due(session, 0)


def test_the_number_of_sessions_is_bounded(shared):
    first = signed_in(shared, "guest")
    for _ in range(MOST):
        signed_in(shared, "guest", headers={"user-agent": "x" * 3000})
    assert shared.rows("select count(*), max(length(user_agent)) from sessions where actor = 'guest'") == [
        (MOST, 200)
    ]
    assert who(shared, first) is None


def test_a_database_that_fails_is_named_and_signs_no_user_in(make_site):
    site = make_site(access=ACCESS)
    secret = signed_in(site)
    write(
        site,
        "create trigger full before insert on sessions begin select raise(abort, 'disk is full'); end",
    )
    data = {"username": "owner", "password": PASSWORD}
    refused = site.run(site.datasette.client.post("/-/login", data=data))
    assert refused.status_code == 503 and "disk is full" in refused.json()["errors"][0]
    assert "ds_actor" not in refused.cookies and site.rows("select count(*) from sessions") == [(1,)]
    write(site, "drop table sessions")
    cookies = {"ds_actor": secret}
    refused = site.run(site.datasette.client.get("/-/actor.json", cookies=cookies))
    assert refused.status_code == 503 and "no such table" in refused.json()["errors"][0]
    for path in ("/-/login", "/-/static/app.css"):
        assert site.run(site.datasette.client.get(path, cookies=cookies)).status_code == 200
    assert site.get("/-/actor.json", headers=bearer(BOT)).json()["actor"]["id"] == "bot"
