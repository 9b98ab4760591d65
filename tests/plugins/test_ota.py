"""Firmware on the site: uploads, schedules, refusals, the page, data hidden from anonymous users."""

import dataclasses
import html
import random

import pytest

from ingest.config.model import Access, GatewaySettings, Person, Token
from ingest.db.connection import connect
from plugins.web.actions.firmware import MAX_UPLOAD
from tests.ota.hex_files import hex_file, mutate
from tests.plugins.site_helpers import ACCESS, BROWSER, READER, bearer, links

MUTANTS = 150  # of each kind; tests/ota/test_image.py reads a thousand files
CI = "ci-token-0123456789"
IMAGE = bytes(range(256)) * 3
OTHER = bytes(range(255, -1, -1)) * 3


@pytest.fixture
def site(make_site):
    """The site with a user `owner` and a token `ci` with the right to upload, and two nodes."""
    rights = frozenset({"upload"})
    owner = Person("owner", ACCESS.people[0].password_hash, rights)
    access = Access(
        people=(owner, ACCESS.people[1]), tokens=(Token("ci", CI, rights), Token("reader", READER))
    )
    site = make_site(access=access)
    with_rows(
        site,
        "insert into node_firmware (node, type, version, blocks, crc, bootloader, block_size) "
        "values (12, 10, 3, 32, 1, 769, 16), (7, 10, 3, 32, 1, 3, 16)",
    )
    return site


def with_rows(site, *statements):
    connection = connect(site.datasette.config.database)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def upload(site, data=IMAGE, type=10, version=4, headers=None, **fields):
    content = data if isinstance(data, str) else hex_file({0: data})
    fields = {"type": str(type), "version": str(version), **fields}
    files = {"file": ("C:\\build\\green house.hex", content)}
    return site.post("/-/ota/firmware", data=fields, files=files, headers=headers or bearer(CI))


def schedule(site, route="/-/ota/updates", **fields):
    return site.post(route, data=fields, headers=bearer(CI))


def refused(response, status, words):
    assert response.status_code == status, response.text
    assert response.json()["ok"] is False and words in "; ".join(response.json()["errors"]), response.text


def test_an_upload_is_stored_once(site):
    first = upload(site)
    assert first.status_code == 201, first.text
    row = first.json()
    assert (row["type"], row["version"], row["blocks"], row["size"]) == (10, 4, 48, 768)
    assert (row["filename"], row["uploaded_by"], len(row["sha256"])) == ("green house.hex", "ci", 64)
    again = upload(site)
    assert again.status_code == 200 and again.json()["id"] == row["id"]
    assert again.json()["uploaded_at"] == row["uploaded_at"]
    refused(upload(site, OTHER), 409, "replace=1")
    replaced = upload(site, OTHER, replace="1")
    assert (
        replaced.status_code == 201
        and replaced.json()["id"] == row["id"]
        and replaced.json()["crc"] != row["crc"]
    )
    connection = connect(site.datasette.config.database, readonly=True)
    assert connection.execute("select data from firmware_images").fetchall() == [(OTHER,)]
    connection.close()
    assert site.rows("select action, outcome from audit order by id")[-1] == ("upload", "done")


def test_a_firmware_in_use_is_neither_replaced_nor_deleted(site):
    number = upload(site).json()["id"]
    assert schedule(site, node="12", type="10", version="4").status_code == 201
    refused(upload(site, OTHER, replace="1"), 409, "update 1 uses it")
    refused(schedule(site, f"/-/ota/firmware/{number}/delete"), 409, "update 1 uses it")
    with_rows(site, "update ota_updates set state = 'failed', owed = 1")
    refused(upload(site, OTHER, replace="1"), 409, "a node may hold a part of it")
    with_rows(site, "update ota_updates set owed = 0")
    assert schedule(site, f"/-/ota/firmware/{number}/delete").status_code == 200
    assert site.rows("select firmware, type, version from ota_updates") == [(None, 10, 4)]
    refused(schedule(site, f"/-/ota/firmware/{number}/delete"), 404, "no firmware")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "the file is empty"),
        (hex_file({0: IMAGE}).replace(":00000001FF", ""), "without an end of file record"),
        (hex_file({16: IMAGE}), "start at 0x0010"),
        (hex_file({0: IMAGE, 0x7800: IMAGE}), "a bootloader is inside"),
        (hex_file({0: bytes(32_760)}), "no bootloader takes more than 2047"),
        (hex_file({0: IMAGE})[:-20], "line"),
        ("\x7fELF\0", "is not text"),
    ],
)
def test_bad_files_are_refused_with_a_message(site, data, words):
    response = site.post(
        "/-/ota/firmware",
        data={"type": "10", "version": "4"},
        files={"file": ("x.hex", data)},
        headers=bearer(CI),
    )
    refused(response, 400, words)
    assert site.rows("select count(*) from firmware") == [(0,)]


@pytest.mark.parametrize(
    ("name", "value"), [("type", ""), ("type", "65536"), ("version", "-1"), ("version", "1.5"), ("type", "²")]
)
def test_numbers_are_checked(site, name, value):
    refused(upload(site, **{name: value}), 400, f"{name} is needed: a whole number from 0 to 65535")


def test_uploading_needs_the_right(site):
    for headers, status in (({}, 401), (bearer("wrong-token-0123456789"), 401), (bearer(READER), 403)):
        refused(upload(site, headers={"accept": "*/*", **headers}), status, "")
    assert schedule(site, "/-/ota/nowhere").status_code in (404, 405)
    assert site.get("/-/ota/firmware").status_code == 405
    site.login()
    refused(upload(site, headers={"accept": "*/*"}), 403, "csrftoken")
    refused(upload(site, headers={"accept": "*/*"}, csrftoken="forged"), 403, "csrftoken")
    token = site.token()
    assert upload(site, headers={"accept": "*/*"}, csrftoken=token).status_code == 201
    page = upload(site, OTHER, version=5, headers=BROWSER, csrftoken=token, next="/-/ota")
    assert (page.status_code, page.headers["location"]) == (302, "/-/ota")
    crossed = {"sec-fetch-site": "cross-site", "accept": "*/*"}
    refused(upload(site, version=6, headers=crossed, csrftoken=token), 403, "another site")
    assert site.rows("select version from firmware order by id") == [(4,), (5,)]


def test_oversized_bodies_are_not_read(site):
    big = ":" + "0" * MAX_UPLOAD
    refused(upload(site, big), 413, "larger than")

    async def endless():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.hex"\r\n\r\n'
        for _ in range(MAX_UPLOAD // 1000 + 10):
            yield b"x" * 1000

    async def send():
        headers = {**bearer(CI), "content-type": "multipart/form-data; boundary=b"}
        return await site.datasette.client.post("/-/ota/firmware", content=endless(), headers=headers)

    refused(site.run(send()), 413, "larger than")


def test_mutated_files_and_bodies(site):
    """Each is stored unchanged or refused with a message; nothing else happens."""
    rnd = random.Random(4)
    text = hex_file({0: IMAGE[:96]})
    stored = 0
    for turn in range(MUTANTS):
        mutant = mutate(text, rnd)
        response = upload(site, mutant, version=100 + turn)
        assert response.status_code in (201, 400, 413), (mutant, response.text)
        if response.status_code == 201:
            stored += 1
            assert response.json()["blocks"] % 8 == 0
        else:
            assert response.json()["errors"][0]
    assert site.rows("select count(*) from firmware") == [(stored,)] and stored < 0.3 * MUTANTS
    body = (
        b'--b\r\nContent-Disposition: form-data; name="type"\r\n\r\n10\r\n'
        b'--b\r\nContent-Disposition: form-data; name="version"\r\n\r\n4\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.hex"\r\n\r\nno hex\r\n--b--\r\n'
    )
    headers = {**bearer(CI), "content-type": "multipart/form-data; boundary=b"}
    for _ in range(MUTANTS):
        mutant = bytearray(body)
        for _ in range(rnd.randint(1, 6)):
            place = rnd.randrange(len(mutant))
            kind = rnd.randrange(3)
            if kind == 0:
                mutant[place] = rnd.randrange(256)
            elif kind == 1:
                del mutant[place : place + rnd.randrange(1, 20)]
            else:
                mutant[place:place] = rnd.randbytes(rnd.randrange(1, 8))
        response = site.post("/-/ota/firmware", content=bytes(mutant), headers=headers)
        assert 400 <= response.status_code < 500, (bytes(mutant), response.text)
        assert response.json()["errors"][0], bytes(mutant)
    assert site.rows("select count(*) from firmware") == [(stored,)]


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="',
        "multipart/mixed; boundary=b",
        "application/octet-stream",
        "",
        "multipart/form-data; boundary=" + "b" * 300,
    ],
)
def test_unexpected_content_types(site, kind):
    for headers in (bearer(CI), {**bearer(CI), "cookie": "ds_csrftoken=x"}):
        response = site.post(
            "/-/ota/firmware", content=b"--b\r\n\r\n", headers={**headers, "content-type": kind}
        )
        assert 400 <= response.status_code < 500 and response.json()["errors"][0], response.text


def test_a_node_is_scheduled(site):
    upload(site)
    response = schedule(site, node="main/12", type="10", version="4")
    assert response.status_code == 201, response.text
    row = response.json()["updates"][0]
    assert (row["node"], row["state"], row["requested_by"], row["released_at"] is not None) == (
        12,
        "requested",
        "ci",
        True,
    )
    assert schedule(site, node="12", firmware="10/4").json()["id"] == row["id"]  # under way already
    assert schedule(site, node="12", firmware="10/4").status_code == 200
    assert site.get(response.json()["url"]).status_code == 200


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"node": "12", "type": "10", "version": "9"}, 404, "No firmware 10/9 is stored; there are: 10/4"),
        ({"node": "99", "type": "10", "version": "4"}, 404, "No node 99"),
        ({"type": "10", "version": "4"}, 400, "Which nodes?"),
        ({"node": "12", "sketch": "x", "type": "10", "version": "4"}, 400, "Which nodes?"),
        ({"node": "0", "type": "10", "version": "4"}, 409, "the gateway itself"),
        ({"node": "268", "type": "10", "version": "4"}, 409, "controller: false"),
        (
            {"node": "12", "type": "11", "version": "1"},
            409,
            "runs type 10, the image is of type 11: send confirm=1",
        ),
        (
            {"node": "12", "type": "10", "version": "40"},
            409,
            "1920 blocks, MYSBootloader 1.3 takes 1912 at most",
        ),
        ({"node": "12", "firmware": "10-4"}, 400, "such as 33/4"),
        ({"sketch": "nothing", "firmware": "10/4"}, 404, "No node runs a sketch named nothing"),
        ({"current": "99/1", "firmware": "10/4"}, 404, "99/1"),
    ],
)
def test_invalid_schedules_are_refused(make_site, site, fields, status, words):
    upload(site)
    upload(site, type=11, version=1)
    upload(site, bytes(1920 * 16), version=40)
    gateways = (
        GatewaySettings("main", tcp="main:5003"),
        GatewaySettings("shed", tcp="shed:5003", controller=False),
    )
    site.datasette.config = dataclasses.replace(site.datasette.config, gateways=gateways)
    refused(schedule(site, **fields), status, words)
    assert site.rows("select count(*) from ota_updates") == [(0,)]


def test_another_type_is_confirmed(site):
    upload(site, type=11)
    assert schedule(site, node="12", type="11", version="4", confirm="1").status_code == 201


@pytest.mark.parametrize(
    "fields", [{"nodes": "12, main/7"}, {"node:12": "1", "node:7": "1"}, {"current": "10/3"}]
)
def test_several_nodes_are_a_rollout(site, fields):
    upload(site)
    response = schedule(site, type="10", version="4", **fields)
    assert response.status_code == 201, response.text
    rows = site.rows("select id, rollout, released_at, reason from ota_updates order by id")
    assert [row[1:] for row in rows] == [(rows[0][0], None, "waiting for its turn in the rollout")] * 2
    cancelled = schedule(site, f"/-/ota/updates/{rows[0][0]}/cancel", rollout="1")
    assert cancelled.status_code == 200
    assert site.rows("select state from ota_updates") == [("cancelled",)] * 2


def test_cancel_and_retry(site):
    upload(site)
    number = schedule(site, node="12", type="10", version="4").json()["id"]
    refused(schedule(site, f"/-/ota/updates/{number}/retry"), 409, "nothing to retry")
    assert schedule(site, f"/-/ota/updates/{number}/cancel").status_code == 200
    assert site.rows("select state, cancel_by from ota_updates") == [
        ("requested", "ci")
    ]  # the reader ends it
    with_rows(site, "update ota_updates set state = 'cancelled'")
    refused(schedule(site, f"/-/ota/updates/{number}/cancel"), 409, "is cancelled already")
    again = schedule(site, f"/-/ota/updates/{number}/retry")
    assert again.status_code == 201 and again.json()["id"] != number
    refused(schedule(site, "/-/ota/updates/99/retry"), 404, "no update 99")


def test_the_endpoint_of_the_tracker_stores_and_schedules(site):
    fields = {"node_id": "12", "fw_type": "10", "fw_ver": "7"}
    files = {"hex_file": ("x.hex", hex_file({0: IMAGE}))}
    response = site.post("/api/ota", data=fields, files=files, headers=bearer(CI))
    assert response.status_code == 201 and response.json()["updates"][0]["version"] == 7, response.text
    as_json = {**fields, "gateway": "shed", "hex_file": hex_file({0: IMAGE})}
    assert site.post("/api/ota", json=as_json, headers=bearer(CI)).json()["updates"][0]["node"] == 268
    refused(
        site.post(
            "/api/ota", data={**fields, "node_id": "99", "fw_ver": "8"}, files=files, headers=bearer(CI)
        ),
        404,
        "No node",
    )
    assert site.rows("select count(*) from firmware") == [(1,)]  # stored and scheduled, or neither
    refused(site.post("/api/ota", data=fields, files=files), 401, "Sign in")
    refused(site.post("/api/ota", data=fields, headers=bearer(CI)), 400, "hex_file is needed")


def test_bootloader_commands_ask_for_confirmation(site):
    order = {"node": "12", "command": "set_parent", "value": "3"}
    refused(schedule(site, "/-/ota/commands", **order), 409, "confirm=1")
    refused(schedule(site, "/-/ota/commands", **{**order, "command": "explode"}), 400, "erase_eeprom")
    refused(schedule(site, "/-/ota/commands", **{**order, "value": "255"}), 400, "value")
    refused(
        schedule(site, "/-/ota/commands", **{**order, "command": "set_node_id", "value": "0"}),
        400,
        "from 1 to 254",
    )
    refused(
        schedule(site, "/-/ota/commands", **{**order, "node": "7", "confirm": "1"}),
        409,
        "knows no bootloader commands",
    )
    placed = schedule(site, "/-/ota/commands", **order, confirm="1")
    assert placed.status_code == 201
    refused(schedule(site, "/-/ota/commands", **order, confirm="1"), 409, "Another command is under way")
    upload(site)
    refused(schedule(site, node="12", type="10", version="4"), 409, "wait for its end, or cancel it")
    assert schedule(site, f"/-/ota/commands/{placed.json()['id']}/cancel").status_code == 200


def test_image_bytes_are_never_served(site):
    upload(site)
    for path in (
        "/telemetry/firmware_images",
        "/telemetry/firmware_images.json",
        "/telemetry/firmware_images/1",
    ):
        assert site.get(path).status_code in (401, 403), path
    for sql in (
        "select+data+from+firmware_images",
        "select+*+from+firmware_images",
        "select+hex(i.data)+from+firmware_images+i",
    ):
        for headers in ({}, bearer(CI)):
            response = site.get(f"/telemetry.json?sql={sql}", headers=headers)
            assert response.status_code == 400 and "not shown" in response.text, response.text
    assert "firmware_images" not in site.page("/telemetry")
    assert site.get("/telemetry/firmware.json?_shape=array").json()[0]["sha256"]


def test_the_page_shows_firmware_updates_and_commands(site):
    assert "No update is in progress" in site.page("/-/ota") and "No firmware is stored yet" in site.page(
        "/-/ota"
    )
    upload(site)
    schedule(site, nodes="12,7", type="10", version="4")
    with_rows(
        site,
        "update ota_updates set state = 'transferring', block = 12, rate = 3, released_at = requested_at "
        "where node = 12",
        "update ota_updates set state = 'failed', reason = 'tried', finished_at = requested_at "
        "where node = 7",
        "insert into ota_commands (node, command, value, requested_at) "
        "values (12, 'set_parent', 3, '2026-01-01T00:00:00.000Z')",
    )
    text = html.unescape(site.page("/-/ota"))
    assert "36 of 48 blocks" in text and "3 blocks/s" in text and "about 4 s left" in text
    assert "tried" in text and "Retry" in text and "MYSBootloader 1.3" in text and "set parent 3" in text
    assert "Sign in" in text and text.count("disabled") > 10
    for link in links(site.page("/-/ota")):
        assert site.get(link).status_code == 200, link
    site.login()
    assert site.page("/-/ota").count("disabled") == 0
    assert 'aria-current="page">OTA' in site.page("/-/ota")


def test_attention_is_on_the_home_page(site):
    with_rows(
        site,
        "update node_firmware set attention = 'update to 10/4 failed: tried', "
        "attention_at = '2026-01-01T00:00:00.000Z'",
    )
    assert "update to 10/4 failed" in site.page("/") and "update to 10/4 failed" in site.page("/-/ota")
