"""Orders to UPSes: only what the config lists, only by users with the right, one row each."""

import dataclasses
import html
import json
import time

import pytest

from ingest.config.model import NutServerSettings, UpsSettings
from ingest.db.connection import connect
from ingest.db.time import format_utc, parse_utc
from ingest.ups.commands import EP20_COMMANDS
from tests.plugins.site_helpers import ACCESS, BROWSER, READER, bearer
from tests.plugins.ups_house import write_house

QUICK = "test.battery.start.quick"
VALUED = ("test.battery.start", "shutdown.return", "outlet.1.load.off.delay", "vendor.blink")
PLACED = ("outlet.group.1.load.cycle", "device.1.outlet.2.load.off", "outlet.1.load.on")
LISTED = {
    "rack@closet": UpsSettings(
        commands=(QUICK, "load.off", "beeper.off", *VALUED, *PLACED),
        settings=("battery.charge.low", "input.transfer.low", "ups.beeper.status", "input.voltage.nominal"),
    ),
}
CONTROLS = [
    ("command", QUICK, "", "", "[]", "[]"),
    ("command", "load.off", "", "", "[]", "[]"),
    ("command", "beeper.mute", "", "", "[]", "[]"),
    *(("command", name, "", "", "[]", "[]") for name in (*VALUED, *PLACED)),
    ("setting", "battery.charge.low", "", "RW STRING:10", "[]", "[]"),
    ("setting", "input.transfer.low", "", "RW RANGE NUMBER", "[]", '[["160", "184"]]'),
    ("setting", "ups.beeper.status", "", "RW ENUM NUMBER", '["enabled", "disabled"]', "[]"),
]


@pytest.fixture
def site(make_site, tmp_path):
    path = tmp_path / "house.db"
    write_house(path, 1, 600)
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
    assert [order[1:] for order in orders(site)] == [("beeper.disable", None, None, "queued", "bot")]


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


@pytest.mark.parametrize(
    ("command", "value", "confirm", "message"),
    [
        ("test.battery.start", "60", False, "Start a battery test: 60 s queued for Rack"),
        ("test.battery.start", 60, False, "Start a battery test: 60 s queued for Rack"),
        ("test.battery.start", "600", True, "Start a battery test: 600 s queued for Rack"),
        (
            "shutdown.return",
            "30",
            True,
            "Turn the load off, and on when mains are back: 30 s queued for Rack",
        ),
        ("outlet.1.load.off.delay", "120", True, "Turn outlet 1 off after its delay: 120 s queued for Rack"),
        ("vendor.blink", "fast", False, "vendor.blink: fast queued for Rack"),
    ],
)
def test_a_command_with_a_value_becomes_a_row(site, command, value, confirm, message):
    fields = {"ups": "rack@closet", "command": command, "value": value}
    if confirm:
        response = site.post(COMMANDS, json=fields, headers=bearer())
        assert response.status_code == 409 and "Send confirm=1" in response.json()["errors"][0]
        assert response.json()["errors"][0].startswith(f"{command} {value}: ")
        fields["confirm"] = 1
    response = site.post(COMMANDS, json=fields, headers=bearer())
    assert response.status_code == 201 and response.json()["message"] == message, response.text
    assert orders(site) == [(1, command, None, str(value), "queued", "bot")]
    audit = site.rows("select action, subject, outcome from audit order by id desc limit 1")
    assert audit == [("ups_order", "rack@closet", "done")]


def test_an_empty_value_of_a_command_is_none(site):
    fields = {"ups": "rack@closet", "command": "test.battery.start", "value": ""}
    assert site.post(COMMANDS, data=fields, headers=bearer()).status_code == 201
    assert orders(site) == [(1, "test.battery.start", None, None, "queued", "bot")]


@pytest.mark.parametrize(
    ("command", "value", "words"),
    [
        ("test.battery.start", "0", "'0' is not a whole number of seconds from 1 to 5940"),
        ("test.battery.start", "sixty", "not a whole number of seconds"),
        ("test.battery.start", "60 load.off", "not a whole number of seconds"),
        ("shutdown.return", '30"', "from 0 to 86400"),
        ("shutdown.return", "30\nINSTCMD rack load.off", "from 0 to 86400"),
        ("outlet.1.load.off.delay", "-5", "from 0 to 86400"),
        (QUICK, "60", f"{QUICK} takes no value"),
        ("load.off", "60", "load.off takes no value"),
        ("vendor.blink", "two words", "not a plain word"),
    ],
)
def test_a_value_that_a_command_does_not_take_is_refused(site, command, value, words):
    fields = {"ups": "rack@closet", "command": command, "value": value, "confirm": 1}
    response = site.post(COMMANDS, json=fields, headers=bearer())
    assert response.status_code == 400 and words in response.json()["errors"][0], response.text
    assert orders(site) == []
    site.login()
    assert words in html.unescape(
        site.get(COMMANDS, params={"ups": "rack@closet", "command": command, "value": value}).text
    )


@pytest.mark.parametrize("command", PLACED)
def test_a_command_to_an_outlet_or_device_is_dangerous_by_its_words(site, command):
    fields = {"ups": "rack@closet", "command": command}
    dangerous = not command.endswith(".on")
    response = site.post(COMMANDS, json=fields, headers=bearer())
    assert response.status_code == (409 if dangerous else 201), response.text
    site.login()
    button = html.unescape(site.page("/ups/rack@closet")).partition(f'name="command" value="{command}"')[2]
    assert ("data-danger" in button.partition(">")[0]) == dangerous


def test_the_page_has_a_field_for_the_seconds_of_a_command(site):
    site.login()
    text = html.unescape(site.page("/ups/rack@closet"))
    field = text.partition('id="value-test.battery.start"')[2].partition("</form>")[0]
    assert 'name="value" type="number" step="1" min="1" max="5940"' in field
    assert 'data-danger-from="300"' in field and "data-danger " not in field
    field = text.partition('id="value-shutdown.return"')[2].partition("</form>")[0]
    assert 'max="86400"' in field and "data-danger class" in field
    asked = site.page(f"{COMMANDS}?ups=rack@closet&command=shutdown.return&value=30")
    assert "<code>shutdown.return 30</code>" in asked and 'name="value" value="30"' in asked
    assert 'name="confirm" value="1" required' in asked
    asked = site.page(f"{COMMANDS}?ups=rack@closet&command=test.battery.start&value=60")
    assert "<h1>Start a battery test: 60 s?</h1>" in asked and "Warning" not in asked
    asked = site.page(f"{COMMANDS}?ups=rack@closet&command=test.battery.start&value=3600")
    assert "Warning: the battery is discharged" in asked
    write(site, "insert into ups_orders (ups, command, value) values (1, 'test.battery.start', '60')")
    assert "Start a battery test: 60 s</a>" in site.page("/ups/rack@closet")


@pytest.mark.parametrize(
    "driver_commands", [["load.off", "outlet.1.load.cycle"], ["load.off", "beeper.mute"]]
)
def test_the_example_that_the_page_suggests_is_harmless(site, driver_commands):
    write(site, "delete from ups_controls")
    for name in driver_commands:
        write(
            site,
            "insert into ups_controls (ups, kind, name, checked_at) "
            "select id, 'command', ?, '' from ups where name = 'desk@closet'",
            name,
        )
    desk = html.unescape(site.page("/ups/desk@closet"))
    example = desk.partition("commands: [")[2].partition("]")[0]
    assert example == ("beeper.mute" if "beeper.mute" in driver_commands else "test.battery.start")
    assert ", ".join(sorted(driver_commands)) in desk.partition("not available: ")[2]


def test_an_ep20_is_reset_or_turned_off_only_with_confirmation_and_takes_no_value(make_site, site):
    listed = {"garage": UpsSettings(commands=EP20_COMMANDS)}
    site = make_site(access=ACCESS, gateways=(), ups=listed)
    for command in ("experimental.must.reset", "shutdown.return"):
        fields = {"ups": "garage", "command": command}
        response = site.post(COMMANDS, json=fields, headers=bearer())
        assert response.status_code == 409 and "cuts the power" in response.json()["errors"][0]
        valued = site.post(COMMANDS, json=fields | {"value": "30", "confirm": 1}, headers=bearer())
        assert valued.status_code == 400 and "of an EP20 takes no value" in valued.json()["errors"][0]
        assert site.post(COMMANDS, json=fields | {"confirm": 1}, headers=bearer()).status_code == 201
    text = html.unescape(site.page("/ups/garage"))
    assert "Reset the inverter" in text and 'id="value-' not in text


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
    section = text[text.index('id="orders-title"') : text.index('id="page-settings"')]
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
