"""Reports by mail on /reports: what is kept, POST /-/reports/NAME/send; and the page of chosen UPSes."""

import re
from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest
from datasette_auth_passwords.utils import hash_password

from ingest.config.model import Access, Person, Token
from ingest.config.periodic import ReportSettings
from outbound.reports.make import make_report
from outbound.reports.store import list_kept, reports_folder
from plugins.web.app.server import build
from tests.outbound.reports.report_site import ReportHouse, rome, site_config
from tests.plugins.site_helpers import BOT, BROWSER, PASSWORD, READER, SiteClient

ACCESS = Access(
    people=(Person("owner", hash_password(PASSWORD, iterations=1000), frozenset({"maintain"})),),
    tokens=(Token("bot", BOT, frozenset({"maintain"})), Token("reader", READER)),
)
CONFIG = """timezone: Europe/Rome
title: Hill house
nut: [{name: closet, host: 127.0.0.1, port: 1}]
mail: {host: 127.0.0.1, from: voltkeeper@example.org}
alerts: {targets: [{name: mail, mail: [owner@example.org]}]}
reports: [{name: monthly, every: month, to: [mail]}]
"""
REPORTS = (
    ReportSettings("monthly", "month", ("mail", "program")),
    ReportSettings("warm", "day", ("mail",), query="stale_nodes", only_if_rows=True),
)


@pytest.fixture
def site(tmp_path):
    house = ReportHouse(tmp_path / "data" / "telemetry.db")
    for name in ("rack", "desk"):
        key = house.add_ups(f"{name}@closet", rome("2026-09-01"), name.title(), until=rome("2026-11-02"))
        house.add_outage(key, rome("2026-10-05 10:10"), 60 if name == "rack" else 400)
    (tmp_path / "config.yml").write_text(CONFIG, encoding="utf-8")
    config = replace(site_config(house.path.parent, *REPORTS, access=ACCESS), path=tmp_path / "config.yml")
    client = SiteClient(build(config))
    yield client
    client.close()


def send(site, name="monthly", token=BOT, **fields):
    headers = {"authorization": f"Bearer {token}"}
    return site.post(f"/-/reports/{name}/send", json=fields, headers=headers)


def deliveries(site):
    return site.rows("select target, kind, state, title, report from deliveries order by id")


def keep(site, of):
    config = site.datasette.config
    return make_report(config, "monthly", of, "http://house.lan", rome("2026-11-03 12:00"))


def test_a_report_is_made_and_queued_for_each_target(site):
    answer = send(site, of="2026-10-14")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["report"], body["period"], body["file"]) == ("monthly", "2026-10", "monthly.2026-10.eml")
    assert deliveries(site) == [
        (target, "report", "queued", "Report October 2026 (Hill house)", "monthly.2026-10.eml")
        for target in ("mail", "program")
    ]
    assert [id for (id,) in site.rows("select id from deliveries")] == body["deliveries"]
    assert [one.period for one in list_kept(reports_folder(site.datasette.config.database))] == ["2026-10"]
    assert site.rows("select action, subject, outcome from audit") == [("send report", "monthly", "done")]
    assert site.rows("select seq from changes where topic = 'deliveries'") == [(1,)]


def test_a_kept_report_is_sent_again_as_it_was_made(site):
    keep(site, "2026-09")
    answer = send(site, kept="2026-09")
    assert answer.status_code == 201, answer.text
    ((_, _, _, title, file), *_) = deliveries(site)
    assert re.fullmatch(r"Report September 2026 \(Hill house\), sent again on .+", title)
    assert file == "monthly.2026-09.eml"


@pytest.mark.parametrize(
    ("name", "fields", "status", "error"),
    [
        ("monthy", {}, 404, "There is no report 'monthy': did you mean 'monthly'"),
        ("monthly", {"of": "soon"}, 400, "'soon' is not a day, month or year"),
        ("monthly", {"kept": "2026-01"}, 409, "monthly.2026-01.eml is not kept any longer"),
        ("monthly", {"kept": "../../telemetry"}, 409, "is not kept any longer"),
    ],
)
def test_what_cannot_be_sent(site, name, fields, status, error):
    answer = send(site, name, **fields)
    assert answer.status_code == status and error in answer.json()["errors"][0]
    assert deliveries(site) == []


def test_it_needs_the_right_to_maintain(site):
    assert send(site, token=READER).status_code == 403
    assert site.post("/-/reports/monthly/send").status_code == 401
    assert site.get("/-/reports/monthly/send", headers={"authorization": f"Bearer {BOT}"}).status_code == 405
    assert deliveries(site) == []


def test_the_page_lists_what_is_kept(site):
    keep(site, "2026-09")
    keep(site, "2026-10")
    page = site.page("/reports?period=month&of=2026-10")
    part = page.partition('id="kept"')[2]
    assert "Each month at 07:00, to mail, program." in part and "where there are any" in part
    assert re.findall(r"<strong>(2026-\d\d)</strong>", part) == ["2026-10", "2026-09"]
    assert part.count('action="/-/reports/monthly/send"') == 3 and "None is kept yet." in part
    assert "<button disabled" in part, "nobody is signed in"
    site.login()
    page = site.page("/reports?period=month&of=2026-10")
    assert "<button disabled" not in page.partition('id="kept"')[2]
    assert 'name="kept" value="2026-09"' in page


def test_a_kept_report_is_downloaded(site):
    keep(site, "2026-09")
    headers = {"authorization": f"Bearer {BOT}"}
    answer = site.get("/-/reports/monthly/2026-09.eml", headers=headers)
    assert answer.status_code == 200 and answer.headers["content-type"] == "message/rfc822"
    mail = message_from_bytes(answer.content, policy=default)
    assert mail["subject"] == "Report September 2026 (Hill house)" and mail.get_body(("html",))
    assert site.get("/-/reports/monthly/2026-01.eml", headers=headers).status_code == 404
    assert site.get("/-/reports/monthly/2026-09.eml").status_code in (401, 403)


def test_a_browser_is_led_back_to_the_list(site):
    keep(site, "2026-09")
    site.login()
    token = re.search(r'name="csrftoken" value="([^"]+)"', site.page("/reports"))[1]
    data = {"kept": "2026-09", "csrftoken": token}
    answer = site.post("/-/reports/monthly/send", data=data, headers=BROWSER)
    assert answer.status_code == 302 and answer.headers["location"] == "/reports#kept"
    assert len(deliveries(site)) == 2


def test_the_page_of_chosen_upses(site):
    everything, chosen = (
        site.page(f"/reports?period=month&of=2026-10{ups}") for ups in ("", "&ups=rack@closet")
    )
    assert "6 min 40 s</strong> on battery" in everything and "1 min</strong> on battery" in chosen
    assert "Desk" in everything and "Desk" not in chosen.partition("<main")[2].partition('id="kept"')[0]
    assert "of=2026-09-01&amp;ups=rack@closet" in chosen and ">Show everything</a>" in chosen
    assert "/telemetry/energy_by_day?ups=rack%40closet%2C&amp;per=whole" in chosen
    assert "There is no UPS" in site.page("/reports?ups=rock@closet", status=404)
