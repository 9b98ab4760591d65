"""Orders to UPSes: only what the config lists, only by users with the right, one row each."""

import dataclasses
import html
import json
import time

import pytest

from ingest.config.model import NutServerSettings, UpsSettings
from ingest.db.connection import connect
from ingest.db.time import format_utc, parse_utc
from ingest.schema.migrate import migrate
from tests.plugins.site_helpers import ACCESS, BROWSER, READER, bearer
from tests.plugins.ups_house import House

QUICK = "test.battery.start.quick"
LISTED = {
    "rack@closet": UpsSettings(
        commands=(QUICK, "load.off", "beeper.off"),
        settings=("battery.charge.low", "input.transfer.low", "ups.beeper.status", "input.voltage.nominal"),
    ),
}
CONTROLS = [
    ("command", QUICK, "", "", "[]", "[]"),
    ("command", "load.off", "", "", "[]", "[]"),
    ("command", "beeper.mute", "", "", "[]", "[]"),
    ("setting", "battery.charge.low", "", "RW STRING:10", "[]", "[]"),
    ("setting", "input.transfer.low", "", "RW RANGE NUMBER", "[]", '[["160", "184"]]'),
    ("setting", "ups.beeper.status", "", "RW ENUM NUMBER", '["enabled", "disabled"]', "[]"),
]


@pytest.fixture
def site(make_site, tmp_path):
    path = tmp_path / "house.db"
    migrate(path)
    House(path, days=1, step=600).write()
    connection = connect(path)
    for control in CONTROLS:
        connection.execute(
            "insert into ups_controls (ups, kind, name, description, type, choices, ranges, checked_at) "
            "values (1, ?, ?, ?, ?, ?, ?, '')",
            control,
        )
    connection.execute(
        "update ups_variables set writable = 1 "
        "where variable in ('battery.charge.low', 'input.transfer.low', 'ups.beeper.status')"
    )
    connection.close()
    nut = (NutServerSettings("closet", command_username="operator", command_password="very-secret"),)
    return make_site(access=ACCESS, gateways=(), nut=nut, ups=LISTED)


def write(site, sql, *params):
    connection = connect(site.datasette.config.database)
    connection.execute(sql, params)
    connection.close()


def orders(site):
    return site.rows("select ups, command, variable, value, state, created_by from ups_orders order by id")


COMMANDS, SETTINGS = "/-/ups/commands", "/-/ups/settings"


@pytest.mark.parametrize(
    "body",
    [
        {"json": {"ups": "rack@closet", "command": QUICK}},
        {"data": {"ups": "1", "command": QUICK}},
        {"files": {"ups": (None, "rack@closet"), "command": (None, QUICK)}},
    ],
)
def test_a_command_becomes_a_row(site, body):
    response = site.post(COMMANDS, headers=bearer(), **body)
    assert response.status_code == 201, response.text
    assert response.json() == {
        "ok": True,
        "message": "Start a quick battery test queued for Rack",
        "order": 1,
    }
    assert orders(site) == [(1, QUICK, None, None, "queued", "bot")]
    ((created, expires),) = site.rows("select created_at, expires_at from ups_orders")
    assert parse_utc(expires) - parse_utc(created) == pytest.approx(60, abs=0.01)
    assert site.rows("select actor, action, subject, outcome from audit") == [
        ("bot", "ups_order", "rack@closet", "done")
    ]
    assert site.rows("select seq from changes where topic = 'ups_orders'") == [(1,)]
    assert site.get("/telemetry/ups_orders/1.json?_shape=array").json()[0]["command"] == QUICK


def test_an_ep20_accepts_the_listed_command(make_site, site):
    listed = LISTED | {"garage": UpsSettings(commands=("beeper.disable",))}
    site = make_site(access=ACCESS, gateways=(), ups=listed)
    write(
        site,
        "insert into ups_controls (ups, kind, name, checked_at) "
        "select id, 'command', 'beeper.disable', '' from ups where name = 'garage'",
    )
    site.login()
    text = html.unescape(site.page("/ups/garage"))
    assert 'name="command" value="beeper.disable"' in text and "Turn the beeper off" in text
    response = site.post(COMMANDS, json={"ups": "garage", "command": "beeper.disable"}, headers=bearer())
    assert response.status_code == 201 and "Turn the beeper off queued for" in response.json()["message"]
    assert [order[1:] for order in orders(site)] == [("beeper.disable", None, None, "queued", "owner")]


def test_a_setting_becomes_a_row(site):
    response = site.post(
        SETTINGS,
        json={"ups": "rack@closet", "variable": "input.transfer.low", "value": 170},
        headers=bearer(),
    )
    assert (
        response.status_code == 201
        and response.json()["message"] == "Input: To battery below: 170 queued for Rack"
    )
    assert orders(site) == [(1, None, "input.transfer.low", "170", "queued", "bot")]


@pytest.mark.parametrize(
    ("path", "fields", "status", "words"),
    [
        (COMMANDS, {}, 400, "command is needed"),
        (COMMANDS, {"command": QUICK}, 400, "ups is needed"),
        (COMMANDS, {"ups": "rakc@closet", "command": QUICK}, 404, "No UPS rakc@closet"),
        (
            COMMANDS,
            {"ups": "rack@closet", "command": "beeper.mute"},
            403,
            "beeper.mute is not listed: `ups: rack@closet: commands:`",
        ),
        (
            COMMANDS,
            {"ups": "rack@closet", "command": "test.battery.start.quik"},
            403,
            f"did you mean '{QUICK}'?",
        ),
        (
            COMMANDS,
            {"ups": "desk@closet", "command": QUICK},
            403,
            "`ups: desk@closet: commands:` in config.yml",
        ),
        (
            COMMANDS,
            {"ups": "rack@closet", "command": "beeper.off"},
            409,
            "Rack has no command beeper.off: did you mean 'beeper.mute'?",
        ),
        (
            COMMANDS,
            {"ups": "rack@closet", "command": "load.off"},
            409,
            "it cuts the power of the load. Send confirm=1",
        ),
        (
            COMMANDS,
            {"ups": "garage", "command": QUICK},
            403,
            f"{QUICK} is not listed: `ups: garage: commands:`",
        ),
        (SETTINGS, {"ups": "rack@closet", "value": "1"}, 400, "variable is needed"),
        (SETTINGS, {"ups": "rack@closet", "variable": "battery.charge.low"}, 400, "value is needed"),
        (SETTINGS, {"ups": "rack@closet", "variable": "ups.id", "value": "1"}, 403, "ups.id is not listed"),
        (
            SETTINGS,
            {"ups": "rack@closet", "variable": "input.transfer.low", "value": "185"},
            400,
            "'185' is not in 160 to 184",
        ),
        (
            SETTINGS,
            {"ups": "rack@closet", "variable": "input.transfer.low", "value": "nan"},
            400,
            "'nan' is not in 160 to 184",
        ),
        (
            SETTINGS,
            {"ups": "rack@closet", "variable": "ups.beeper.status", "value": "loud"},
            400,
            "none of enabled, disabled",
        ),
        (
            SETTINGS,
            {"ups": "rack@closet", "variable": "battery.charge.low", "value": "x" * 11},
            400,
            "longer than 10 characters",
        ),
        (
            SETTINGS,
            {"ups": "rack@closet", "variable": "battery.charge.low", "value": "1\n2"},
            400,
            "control character",
        ),
        (
            SETTINGS,
            {"ups": "rack@closet", "variable": "input.voltage.nominal", "value": "220"},
            409,
            "cannot be set: Rack has no such",
        ),
    ],
)
def test_unlisted_or_invalid_orders_are_refused_with_a_message(site, path, fields, status, words):
    response = site.post(path, json=fields, headers=bearer())
    assert response.status_code == status and words in response.json()["errors"][0], response.text
    assert orders(site) == []
    assert site.rows("select actor, action, outcome from audit")[0][2].startswith("refused: ")


def test_rights(site):
    fields = {"ups": "rack@closet", "command": QUICK}
    for headers, status, words in (
        ({}, 401, "Sign in first"),
        (bearer(READER), 403, "does not list order"),
        (bearer("x" * 20), 401, "not known"),
    ):
        for path in (COMMANDS, SETTINGS):
            response = site.post(path, json=fields, headers=headers)
            assert response.status_code == status and words in response.json()["errors"][0]
    site.login()
    response = site.post(COMMANDS, data=fields, headers=BROWSER)
    assert response.status_code == 403 and "csrftoken" in response.text
    assert orders(site) == []


def test_a_dangerous_command_needs_confirmation(site):
    fields = {"ups": "rack@closet", "command": "load.off", "confirm": True}
    assert site.post(COMMANDS, json=fields, headers=bearer()).status_code == 201


def test_a_repeated_order_is_refused_while_the_first_is_pending(site):
    fields = {"ups": "rack@closet", "command": QUICK}
    assert site.post(COMMANDS, json=fields, headers=bearer()).status_code == 201
    response = site.post(COMMANDS, json=fields, headers=bearer())
    assert (
        response.status_code == 409 and "Order 1 for the same is in progress" in response.json()["errors"][0]
    )
    write(site, "update ups_orders set expires_at = '2026-01-01T00:00:00.000Z'")
    assert site.post(COMMANDS, json=fields, headers=bearer()).status_code == 201


def test_without_javascript_a_page_asks_for_confirmation(site):
    site.login()
    text = site.page("/ups/rack@closet")
    assert f'name="command" value="{QUICK}"' in text and 'action="/-/ups/commands"' in text
    asked = site.page(f"{COMMANDS}?ups=rack@closet&command={QUICK}")
    assert (
        "<h1>Start a quick battery test?</h1>" in asked and "Warning" not in asked and "disabled" not in asked
    )
    fields = {"csrftoken": site.token(), "ups": "rack@closet", "command": QUICK, "next": "/ups/rack@closet"}
    response = site.post(COMMANDS, data=fields, headers=BROWSER)
    assert response.status_code == 302 and response.headers["location"] == "/ups/rack@closet"
    assert orders(site) == [(1, QUICK, None, None, "queued", "owner")]
    asked = site.page(f"{COMMANDS}?ups=rack@closet&command=load.off")
    assert "Warning: it cuts the power of the load." in asked and 'name="confirm" value="1" required' in asked
    asked = html.unescape(site.page(f"{SETTINGS}?ups=rack@closet&variable=input.transfer.low&value=170"))
    assert "Input: To battery below: 170?" in asked and "184\u202fV" in asked and "170\u202fV" in asked
    assert "is not in 160 to 184" in html.unescape(
        site.page(f"{SETTINGS}?ups=rack@closet&variable=input.transfer.low&value=1", 400)
    )
    answer = site.get(f"{COMMANDS}?ups=rack@closet&command=load.off").json()
    assert answer["ok"] is True and answer["command"] == "load.off" and "cuts the power" in answer["danger"]
    assert site.get(f"{COMMANDS}?ups=rack@closet&command=nope").status_code == 403
    assert len(orders(site)) == 1


def test_read_only_users_see_why_commands_are_disabled(site):
    for text in (site.page("/ups/rack@closet"), site.page(f"{COMMANDS}?ups=rack@closet&command={QUICK}")):
        assert "<button disabled" in text or 'disabled aria-describedby="why-order"' in text
        assert "Sign in</a> to do this" in text
    site.login("guest")
    assert "does not list order" in site.page("/ups/rack@closet")


def test_the_page_offers_listed_commands_and_names_missing_ones(site):
    site.login()
    text = html.unescape(site.page("/ups/rack@closet"))
    section = text[text.index('id="orders-title"') : text.index('id="events-title"')]
    assert (
        "Start a quick battery test" in section
        and 'data-danger class="danger">Turn the load off at once' in section
    )
    assert (
        'min="160" max="184"' in section
        and "<option selected>enabled</option><option>disabled</option>" in section
    )
    assert 'maxlength="10"' in section and 'aria-describedby="missing"' in section
    assert "beeper.off, input.voltage.nominal: listed in config.yml, but this UPS does not have it" in section
    assert "not available: beeper.mute" in section
    assert "ups: {garage: {commands: [beeper.disable]}}" in html.unescape(site.page("/ups/garage"))
    desk = html.unescape(site.page("/ups/desk@closet"))
    assert "ups: {desk@closet: {commands: [test.battery.start]" in desk


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"state": "queued"}, ["queued ", "data-busy"]),
        ({"state": "sent", "sent_at": "now"}, ["→ sent", "data-busy"]),
        ({"state": "done", "sent_at": "now", "done_at": "now"}, ["→ sent", "→ <strong>done</strong>"]),
        (
            {"state": "failed", "reason": "ERR <b>", "done_at": "now"},
            ["→ <strong>failed</strong>", "ERR &lt;b&gt;"],
        ),
        (
            {"state": "queued", "expires_at": "2026-01-01T00:00:00.000Z"},
            ["→ <strong>expired</strong>", "ingest is not running"],
        ),
    ],
)
def test_each_order_shows_its_progress(site, columns, words):
    row = {name: format_utc(time.time()) if value == "now" else value for name, value in columns.items()} | {
        "created_by": "owner"
    }
    write(
        site,
        f"insert into ups_orders (ups, command, {', '.join(row)}) "
        f"values (1, '{QUICK}', {', '.join('?' * len(row))})",
        *row.values(),
    )
    text = site.page("/ups/rack@closet")
    rows = text[text.index('id="ups-orders"') :]
    for word in words:
        assert word in rows
    assert ("data-busy" in rows) == ("data-busy" in words)


def test_a_failed_order_is_on_the_home_page_until_one_succeeds(site):
    def attention():
        return [row["text"] for row in site.get("/telemetry/attention.json?_shape=array").json()]

    failed = (
        "insert into ups_orders (ups, command, state, reason) values (1, 'beeper.mute', 'failed', 'denied')"
    )
    write(site, failed)
    assert "order beeper.mute failed: denied" in attention()
    write(site, "insert into ups_orders (ups, command, state) values (1, 'beeper.mute', 'done')")
    assert "order beeper.mute failed: denied" not in attention()


def test_the_secrets_of_the_command_user_are_never_served(site):
    site.login()
    for path in (
        "/ups/rack@closet",
        "/-/metadata.json",
        "/-/plugins.json",
        "/telemetry/ups_controls.json",
        "/telemetry/ups_orders.json",
    ):
        assert "very-secret" not in site.get(path).text


def test_orders_are_refused_where_writing_is_off(make_site, site):
    off = make_site(gateways=(), ups=LISTED, access=dataclasses.replace(ACCESS, people=(), tokens=()))
    assert off.post(COMMANDS, json={"ups": "rack@closet", "command": QUICK}).status_code == 403
    assert "Writing is off" in off.page("/ups/rack@closet")
    assert json.loads(off.get("/telemetry/ups_orders.json?_shape=array").text) == []
