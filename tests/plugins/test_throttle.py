"""Guessing is slowed down: it keeps neither a known browser out, nor a right token, nor other addresses."""

import time

import httpx
import pytest

from plugins.web.throttle import FORGOTTEN_S, FREE, LONGEST_WAIT_S, Throttle
from tests.plugins.site_helpers import ACCESS, BOT, PASSWORD


@pytest.fixture(scope="module")
def shared(module_site):
    return module_site(access=ACCESS)


@pytest.fixture
def house(shared):
    shared.datasette.accounts.throttle = Throttle(slowed_s=0.01)
    return shared


def ask(site, address, method="POST", path="/-/login", cookies=None, **options):
    """A request from an address, without the cookies of others."""

    async def send():
        transport = httpx.ASGITransport(site.datasette.app(), client=(address, 40_000))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", cookies=cookies
        ) as client:
            return await client.request(method, path, **options)

    return site.run(send())


def sign_in(site, address, password=PASSWORD, name="owner", **options):
    return ask(site, address, data={"username": name, "password": password}, **options)


def test_wrong_tries_of_others_keep_no_known_browser_out(house):
    known = sign_in(house, "192.168.1.2")
    assert known.status_code == 200
    cookies = {"voltkeeper_device": known.cookies["voltkeeper_device"]}
    for number in range(20):  # of the same address, too, as behind one proxy
        sign_in(house, f"192.168.1.{2 + number % 2}", "wrong")
    assert sign_in(house, "192.168.1.2").status_code == 429
    for address in ("192.168.1.2", "192.168.1.3", "10.0.0.1"):
        assert sign_in(house, address, cookies=cookies).status_code == 200


@pytest.mark.parametrize("others", [["10.0.0.1"], [f"10.0.0.{n}" for n in range(1, 9)], ["fe80::1"]])
def test_wrong_tries_of_other_addresses_keep_no_new_browser_out(house, others):
    for number in range(24):
        sign_in(house, others[number % len(others)], "wrong")
    assert sign_in(house, "192.168.1.9").status_code == 200


def test_a_known_browser_is_one_for_its_user_and_signed(house):
    cookie = sign_in(house, "192.168.1.2", name="guest").cookies["voltkeeper_device"]
    forged = house.datasette.sign({"owner": "x"}, "actor")  # by the key of another cookie
    for _ in range(FREE["address"]):
        assert sign_in(house, "10.0.0.1", "wrong").status_code == 401
    for value in (cookie, forged, "owner", "", "a.b.c"):
        answer = sign_in(house, "10.0.0.1", cookies={"voltkeeper_device": value})
        assert answer.status_code == 429, value
        assert 1 <= int(answer.headers["retry-after"]) <= LONGEST_WAIT_S + 1


def test_a_stolen_device_cookie_gives_few_tries(house):
    cookies = {"voltkeeper_device": sign_in(house, "192.168.1.2").cookies["voltkeeper_device"]}
    wrong = [
        sign_in(house, "10.0.0.1", "wrong", cookies=cookies).status_code
        for _ in range(FREE["device"] + FREE["address"] + 3)
    ]
    assert wrong.count(401) == FREE["device"] + FREE["address"] and wrong[-1] == 429


def test_a_name_that_is_guessed_at_is_slowed_for_new_browsers_alone(house):
    house.datasette.accounts.throttle = Throttle(slowed_s=3600)
    device = {"voltkeeper_device": sign_in(house, "192.168.1.2").cookies["voltkeeper_device"]}
    for number in range(FREE["name"]):
        sign_in(house, f"10.0.0.{number}", "wrong")
    assert sign_in(house, "192.168.1.9", cookies=device).status_code == 200  # at once
    assert sign_in(house, "192.168.1.9", name="guest").status_code == 200
    house.datasette.accounts.throttle._slowed_s = 0.1
    began = time.monotonic()
    assert sign_in(house, "192.168.1.9").status_code == 200
    assert time.monotonic() - began >= 0.1


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_wrong_tokens_keep_no_right_one_out(house, scheme):
    for number in range(60):
        wrong = {"authorization": f"{scheme} wrong-{number}"}
        assert ask(house, "10.0.0.1", "GET", "/-/actor.json", headers=wrong).status_code == 401
    right = ask(house, "10.0.0.1", "GET", "/-/actor.json", headers={"authorization": f"{scheme} {BOT}"})
    assert right.json()["actor"]["id"] == "bot"


def test_waits_double_and_expire():
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(FREE["address"]):
        assert throttle.wait_s("address a") == 0
        throttle.add_failure("address a", "name x")
    assert throttle.wait_s("address a") == 1 and throttle.wait_s("address b") == 0
    throttle.add_failure("address a")
    assert throttle.wait_s("address a") == 2
    for _ in range(20):
        throttle.add_failure("address a")
    assert throttle.wait_s("address a") == LONGEST_WAIT_S
    assert throttle.is_guessed_at("name x") and not throttle.is_guessed_at("name y")
    now[0] += FORGOTTEN_S + LONGEST_WAIT_S
    assert throttle.wait_s("address a") == 0 and not throttle.is_guessed_at("name x")
