"""One right, one way to an effect: what each POST does, and what is refused because another route does it.

A new route fails here until it is reviewed: does another one reach the same effect, for another right?
"""

import pytest

from plugins.web.auth.permissions import SIGNED_IN
from plugins.web.compat import written_queries
from plugins.web.pages.api import describe_query, routes
from tests.plugins.site_helpers import ACCESS, bearer

# Effect -> (the right to it, the routes that reach it).
EFFECTS = {
    "the sketch of a node is replaced": ("upload", ["/-/ota/updates", "/-/ota/updates/ID/retry", "/api/ota"]),
    "a node loses its EEPROM, gets an id or a parent": ("upload", ["/-/ota/commands"]),
    "an update or a command is given up": (
        "upload",
        ["/-/ota/updates/ID/cancel", "/-/ota/commands/ID/cancel"],
    ),
    "an image comes or goes": ("upload", ["/-/ota/firmware", "/-/ota/firmware/ID/delete", "/api/ota"]),
    "a message reaches a node": ("order", ["/-/orders", "/-/channels/ID"]),
    "a UPS acts": ("order", ["/-/ups/commands", "/-/ups/settings"]),
    "a text, a label or a limit changes": (
        "edit",
        ["/-/settings", "/telemetry/set_location", "/-/batteries"],
    ),
    "a battery is younger": (
        "edit",
        [
            "/telemetry/battery_changed",
            "/telemetry/ups_battery_changed",
            "/-/batteries",
            "/-/batteries/KIND/ID/revoke",
        ],
    ),
    "energy costs something else": ("edit", ["/-/tariffs", "/-/tariffs/ID/delete"]),
    "a page shows other cards": (
        "edit",
        [
            "/-/dashboards",
            "/-/dashboards/NAME",
            "/-/dashboards/NAME/cards",
            "/-/dashboards/NAME/delete",
        ],
    ),
    "a query is kept, another or gone": (
        "edit",
        ["/-/saved-queries", "/-/saved-queries/NAME", "/-/saved-queries/NAME/delete"],
    ),
    "a state needs no attention": (
        "edit",
        ["/-/nodes/retire", "/-/ups/acknowledgements", "/-/ups/acknowledgements/ID/revoke", "/-/settings"],
    ),
    "a reading counts or does not": ("edit", ["/-/readings/ID"]),
    "rows are deleted or get another owner": (
        "maintain",
        ["/-/delete", "/-/replace", "/-/replace/ID/retry", "/-/replace/ID/revert", "/-/maintenance/JOB"],
    ),
    "all rows leave the machine": ("maintain", ["/-/maintenance/backup.db"]),
    "a report leaves the machine": ("maintain", ["/-/reports/NAME/PERIOD.eml"]),
    "alerts are not sent, or are again": ("maintain", ["/-/alerts/mutes", "/-/alerts/mutes/ID/end"]),
    "a message leaves the machine": (
        "maintain",
        ["/-/alerts/test", "/-/alerts/rehearsals", "/-/reports/NAME/send"],
    ),
    "a job waits, or does no longer": (
        "maintain",
        ["/-/maintenance/JOB/pause", "/-/maintenance/JOB/resume"],
    ),
    "the clock is believed": ("maintain", ["/-/maintenance/clock-is-right"]),
    "a session ends": (SIGNED_IN, ["/-/account/sessions/ID/end", "/-/account/sign-out-everywhere"]),
}
WITHOUT_RIGHT = ["/-/login", "/-/logout"]
# Reviewed: two rights reach it, since one of them is a part of the other's work.
TWO_RIGHTS = {
    "a node restarts": {
        "order": "/-/orders: a restart alone",
        "upload": "/-/ota/updates: a node asks for its image when it restarts",
    },
}
# What `order` must not reach: whose effect is that of /-/ota, in every way to write it.
OF_OTA = [
    "12;255;4;0;1;0A0001005000D446",  # a firmware configuration
    "12;255;4;0;1;010000000000DA7A",  # erases the EEPROM of a bootloader
    "12;255;4;0;3;0A000100000000112233445566778899AABBCCDDEEFF",  # a block
    "12;255;4;1;3;0A00",
    "12;0;4;0;0;",
    "12;255;4;0;2;0A0001000000",
    "12;255;4;0;5;00",
    "255;255;4;0;3;0A00",
    "12;255;3;0;28;E",  # erases the EEPROM of a sketch
    "12;255;3;1;28;Erase",
    "12;255;3;0;4;99",  # another id, while the sketch runs
    "255;255;3;0;4;99",
    "12;255;3;0;8;0",  # another parent
]
BY_FIELDS = [
    {"child": "255", "command": "stream", "type": "ST_FIRMWARE_RESPONSE", "payload": "0A00"},
    {"child": "255", "command": "4", "type": "3", "payload": "0A00"},
    {"child": "255", "type": "st_firmware_config_response", "payload": "010000000000DA7A"},
    {"child": "0", "type": "ST_SOUND", "payload": ""},
    {"type": "I_DEBUG", "payload": "E"},
    {"type": "I_ID_RESPONSE", "payload": "99"},
    {"command": "3", "type": "8", "payload": "0"},
]


@pytest.fixture(scope="module")
def site(module_site):
    return module_site(access=ACCESS)


def send(site, fields, form):
    body = {"json": fields} if form == "json" else {"data": fields}
    if form == "multipart":
        body = {"files": {name: (None, value) for name, value in fields.items()}}
    return site.post("/-/orders", headers=bearer(), **body)


def test_every_action_is_reviewed_and_one_effect_has_one_right(site):
    endpoints = [one for one in routes(site.datasette) if one[1].method == "POST"]
    endpoints += [
        one
        for one in map(lambda item: describe_query(*item), written_queries(site.datasette).items())
        if one[1].method == "POST"
    ]
    rights = {path: endpoint.right for path, endpoint in endpoints}
    rights |= {path: one.right for path, one in routes(site.datasette) if one.answer == "file"}
    reviewed = {path for _, paths in EFFECTS.values() for path in paths} | set(WITHOUT_RIGHT)
    assert reviewed == set(rights)
    for effect, (right, paths) in EFFECTS.items():
        assert {rights[path] for path in paths} == {right}, effect
    for effect, ways in TWO_RIGHTS.items():
        for right, why in ways.items():
            assert rights[why.partition(":")[0].partition(",")[0]] == right, effect


@pytest.mark.parametrize("line", OF_OTA)
def test_no_line_does_what_the_actions_of_firmware_do(site, line):
    node = "main/0" if line.startswith("255") else "main/12"
    for fields in (
        {"node": node, "line": line},
        {"gateway": "main", "line": line},
        {"node": node, "line": f" {line} "},
    ):
        for form in ("data", "json", "multipart"):
            refused = send(site, fields, form)
            assert refused.status_code == 400 and "/-/ota" in refused.json()["errors"][0], refused.text
    assert site.rows("select count(*) from outbox") == [(0,)]


@pytest.mark.parametrize("fields", BY_FIELDS)
def test_no_fields_do_either(site, fields):
    refused = send(site, {"node": "main/12", **fields}, "data")
    assert refused.status_code == 400 and "/-/ota" in refused.json()["errors"][0], refused.text
    assert site.rows("select count(*) from outbox") == [(0,)]


def test_other_lines_pass(site):
    for line in ("12;255;3;0;28;R", "12;255;3;1;13;", "12;1;1;1;2;1", "12;255;3;0;6;M", "12;255;3;1;19;"):
        assert send(site, {"node": "main/12", "line": line}, "data").status_code == 201, line
