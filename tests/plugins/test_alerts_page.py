"""/-/alerts with a running `voltkeeper outbound`: tests and rehearsals at their buttons, deliveries."""

import html
import re
import signal
import subprocess
import sys
from contextlib import closing

import pytest
import yaml

from ingest.config.alerts import AlertRule, Alerts, AlertTarget, QuietHours
from ingest.config.model import Access, Token
from ingest.db.connection import connect
from ingest.ups.registry import insert
from outbound.sending_lock import is_sending
from tests.helpers.alert_receiver import REFUSING, UP, AlertReceiver
from tests.plugins.site_helpers import BROWSER, bearer
from tests.programs import wait_until

KEEPER = "keeper-token-0123456789"
READER = "reader-token-0123456789"
ACCESS = Access(tokens=(Token("keeper", KEEPER, frozenset({"maintain"})), Token("reader", READER)))
CONFIG = """
database: {database}
timezone: UTC
gateways: [{{name: main, tcp: 'main:5003'}}, {{name: shed, tcp: 'shed:5003'}}]
alerts:
  targets: [{{name: phone, url: '{phone}'}}, {{name: mail, url: '{mail}'}}]
  rules: [{{events: [ONBATT], to: [phone], after_s: 3600}}, {{events: [NODE_SILENT], to: [phone, mail]}}]
"""


@pytest.fixture(scope="module")
def house(module_site):
    """(site, receivers by target) before anything sends."""
    with AlertReceiver() as phone, AlertReceiver() as mail:
        alerts = Alerts(
            (AlertTarget("phone", url=phone.url), AlertTarget("mail", url=mail.url)),
            (
                AlertRule(("ONBATT",), ("phone",), after_s=3600),
                AlertRule(("NODE_SILENT",), ("phone", "mail")),
            ),
            QuietHours("22:00", "07:00"),
        )
        site = module_site(access=ACCESS, alerts=alerts)
        with closing(connect(site.datasette.config.database)) as connection:
            insert(connection, "rack@closet", "nut", "closet", "x/rack", "<b>Rack</b>")
            connection.execute("update ups set configured = 1")
        yield site, {"phone": phone, "mail": mail}


@pytest.fixture(scope="module")
def sending(house):
    """The same while `voltkeeper outbound` runs."""
    site, receivers = house
    database = site.datasette.config.database
    config = database.with_name("config.yml")
    config.write_text(CONFIG.format(database=database, **{name: one.url for name, one in receivers.items()}))
    command = [sys.executable, "-m", "voltkeeper", "outbound", "--config", config]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: is_sending(database))
            yield site, receivers
        finally:
            process.send_signal(signal.SIGTERM)


def read(site, query="", **headers):
    response = site.get(f"/-/alerts{query}", headers={**bearer(KEEPER), **headers})
    assert response.status_code == 200, response.text
    return response.text if headers else response.json()


def post(site, path, token=KEEPER, **fields):
    return site.post(f"/-/alerts/{path}", json=fields, headers=bearer(token))


def test_the_page_needs_the_right_to_maintain_and_only_those_see_a_link(house):
    site, _ = house
    assert site.get("/-/alerts", headers=bearer(READER)).status_code == 403
    assert site.get("/-/alerts").status_code == 401
    for path in ("/", "/events", "/-/maintenance"):
        assert 'href="/-/alerts"' in site.get(path, headers={**BROWSER, **bearer(KEEPER)}).text, path
        assert 'href="/-/alerts"' not in site.get(path, headers={**BROWSER, **bearer(READER)}).text, path


def test_while_nothing_sends_it_says_so_and_queues_no_test(house):
    site, _ = house
    assert "Alerts are not sent now" in read(site, **BROWSER) and not read(site)["running"]
    for answer in (post(site, "test", target="phone"), post(site, "rehearsals", what="all")):
        assert answer.status_code == 409 and "not running" in answer.json()["errors"][0]
    assert site.rows("select count(*) from deliveries") == [(0,)]


def test_without_targets_it_shows_what_to_add(module_site):
    site = module_site(access=ACCESS, name="bare.db")
    page = site.get("/-/alerts", headers={**BROWSER, **bearer(KEEPER)}).text
    assert "Alerts are not set up" in page and "ALERT_PHONE_URL" in page
    defaults = page.partition('id="defaults-title"')[2].partition("</section>")[0]
    critical, _, others = defaults.partition("Warning")
    assert "UPS battery low" in critical and "node silent" in others and "calibrating" not in defaults
    example = html.unescape(page.partition('id="setup-yaml"><code>')[2].partition("</code>")[0])
    assert list(yaml.safe_load(example)["alerts"]) == ["targets", "quiet"]
    assert post(site, "test", target="phone").status_code in (404, 409)


def test_a_test_is_answered_with_what_its_service_said(sending):
    site, receivers = sending
    answer = post(site, "test", target="phone")
    assert answer.status_code == 200 and "phone took the test: HTTP 200" in answer.json()["message"]
    receivers["mail"].mode, receivers["mail"].status = REFUSING, 500
    refused = post(site, "test", target="mail")
    headers = {
        **BROWSER,
        **bearer(KEEPER),
    }  # a browser without scripts: a message on the page it comes back to
    told = site.post("/-/alerts/test", data={"target": "mail"}, headers=headers)
    receivers["mail"].mode = UP
    assert (told.status_code, told.headers["location"]) == (302, "/-/alerts")
    assert "ds_messages" in told.cookies
    assert refused.status_code == 502 and not refused.json()["ok"]
    assert refused.json()["errors"][0].startswith("mail: failed: HTTP 500")
    assert post(site, "test", target="fax").status_code == 404
    health = {one["name"]: one for one in read(site)["targets"]}
    assert health["phone"]["verdict"] == "OK" and health["phone"]["answer"].startswith("HTTP 200")
    assert health["mail"]["verdict"] == "Warning" and health["mail"]["failure"].startswith("HTTP 500")
    assert health["phone"]["address"] == "json://127.0.0.1" and health["phone"]["kind"] == "json"
    assert site.rows("select action, subject, outcome from audit order by id desc limit 1")[0][:2] == (
        "test target",
        "",
    )


def test_a_rehearsal_tells_what_arrived_and_escapes_names(sending):
    site, receivers = sending
    receivers["phone"].received.clear()
    answer = post(site, "rehearsals", what="outage", ups="rack@closet", low_battery=1)
    assert answer.status_code == 200 and answer.json()["message"] == "2 of 2 messages arrived"
    assert [one["state"] for one in answer.json()["messages"]] == ["sent", "sent"]
    assert {one["target"] for one in answer.json()["unsent"]} == {"phone", "mail"}
    assert all("REHEARSAL" in title for title in receivers["phone"].titles)
    assert post(site, "rehearsals", what="outage", ups="rack@clozet").status_code == 404
    assert post(site, "rehearsals", what="flood").status_code == 400
    page = read(site, **BROWSER)
    assert "<b>Rack</b>" not in page and "REHEARSAL &lt;b&gt;Rack" in page


def test_what_goes_on_is_listed_with_whom_it_goes_to_and_when(sending):
    site, _ = sending
    site.post("/-/alerts/mutes", json={"rule": "2", "for_s": 600}, headers=bearer(KEEPER))
    with closing(connect(site.datasette.config.database)) as connection:
        connection.execute(
            "insert into events (event, ups, started_at) values ('ONBATT', 1, strftime('%Y-%m-%dT%H:%M:%fZ'))"
        )
        connection.execute(
            "insert into events (event, node, started_at) "
            "select 'NODE_SILENT', id, '2026-11-30T10:00:00.000Z' from nodes where node_id = 7"
        )
    found = {one["event"]: one["to"] for one in read(site)["open"]}
    assert [(to["target"], to["rule"]) for to in found["ONBATT"]] == [("phone", "rule 1")]
    assert re.fullmatch(r"in (60|59) min, if it goes on", found["ONBATT"][0]["text"])
    assert [to["target"] for to in found["NODE_SILENT"]] == ["phone", "mail"]
    assert "going on" in read(site, **BROWSER)


def test_deliveries_are_filtered_and_paged(house):
    site, _ = house
    with closing(connect(site.datasette.config.database)) as connection:
        connection.executemany(
            "insert into deliveries (target, kind, state, severity, title, text) "
            "values ('old', 'begin', ?, 'OK', ?, '')",
            [("expired" if number % 2 else "muted", f"message {number}") for number in range(150)],
        )
    newest = read(site, "?target=old")
    assert len(newest["deliveries"]) == 100 and newest["deliveries"][0]["title"] == "message 149"
    older = read(site, f"?target=old&before={newest['more']}")
    assert [one["title"] for one in older["deliveries"]][-1] == "message 0" and older["more"] is None
    assert {one["state"] for one in read(site, "?target=old&state=muted")["deliveries"]} == {"muted"}
    page = read(site, "?target=old", **BROWSER)
    assert f'href="/-/alerts?target=old&amp;before={newest["more"]}#deliveries"' in page
    assert "No such delivery" in read(site, "?target=nobody", **BROWSER)


def test_metrics_have_the_health_of_alerts_for_whom_deliveries_are_hidden(sending):
    site, _ = sending
    post(site, "test", target="phone")
    text = site.get("/metrics").text
    assert "\nvoltkeeper_alerts_up 1\n" in text
    assert '\nvoltkeeper_alerts_target_up{target="mail"} 1\n' in text
    assert re.search(r'^voltkeeper_alerts_success_age_seconds\{target="phone"\} \d', text, re.M)
    assert re.search(r'^voltkeeper_alerts_deliveries\{target="phone",state="sent"\} [1-9]', text, re.M)
    assert site.get("/telemetry/deliveries.json").status_code == 401
