"""The figures of a mailed report are those of SQL, to the last digit that is shown."""

import re
import time
from dataclasses import replace
from email.policy import SMTP

import pytest

from ingest.config.periodic import ReportSettings
from ingest.db.time import format_utc
from outbound.reports.document import clean
from outbound.reports.make import make_report
from outbound.reports.store import read_kept, reports_folder
from tests.outbound.reports.report_site import ReportHouse, rome, site_config
from tests.plugins.site_helpers import fill

NOW = rome("2026-11-03 12:00")
MONTH = {"since": "2026-09-30T22:00:00.000Z", "until": "2026-10-31T23:00:00.000Z"}  # October in Rome
BEFORE = {"since": "2026-08-31T22:00:00.000Z", "until": MONTH["since"]}
SUM = """select sum(wh) / 1000, sum(covered_s), count(*)
from ups_samples_hourly h join ups u on u.id = h.ups
where hour_at >= :since and hour_at < :until and (:ups = '' or u.name = :ups)"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Two UPSes over September and October, with a gap and outages in October."""
    house = ReportHouse(tmp_path_factory.mktemp("figures") / "telemetry.db")
    rack = house.add_ups("rack@closet", rome("2026-08-20"), "Rack", watts=112.37, until=NOW)
    desk = house.add_ups("desk@closet", rome("2026-08-20"), "Desk", watts=61.191, until=NOW)
    house.forget(desk, rome("2026-10-12 03:00"), rome("2026-10-12 10:00"))
    house.add_outage(rack, rome("2026-10-05 10:10"), 437)
    house.add_outage(desk, rome("2026-10-05 10:10") + 3, 431)
    house.add_outage(rack, rome("2026-10-25 02:30"), 65)
    house.add_outage(rack, rome("2026-09-30 23:30"), 60)  # of September
    house.add_tariff(0.3127)
    return house


def sent(house, *reports, now=NOW, of=None, **given):
    """The mail of a report as it is kept."""
    config = replace(site_config(house.path.parent, *reports), **given)
    made = make_report(config, config.reports[0].name, of, "http://house.lan", now)
    return read_kept(reports_folder(house.path), made.file)


def text_of(mail):
    """The text part as one line; the HTML holds the same words."""
    text = " ".join(mail.get_body(("plain",)).get_content().split())
    return text.replace(" %", "%")


def html_text(mail):
    html = re.sub(r"<[^>]+>", " ", mail.get_body(("html",)).get_content()).replace("&nbsp;", " ")
    return " ".join(html.split())


def sql(house, span, ups=""):
    return house.execute(SUM, {**span, "ups": ups})[0]


def test_a_month_agrees_with_sql(house):
    mail = sent(house, of="2026-10")
    text, html = text_of(mail), html_text(mail)
    for ups, label in (("rack@closet", "Rack"), ("desk@closet", "Desk")):
        kwh, covered, _ = sql(house, MONTH, ups)
        before = sql(house, BEFORE, ups)[0]
        cost, watts = kwh * 0.3127, kwh * 3_600_000 / covered
        change = round(100 * (kwh / before - 1))
        assert f"- {label} Energy {kwh:,.3f} kWh · Cost {cost:.2f} EUR · Average {watts:.0f} W" in text
        assert f"September: {before:,.3f} kWh, +{change}%" in text
        for figure in (f"{kwh:,.3f} kWh", f"{cost:.2f} EUR", f"{before:,.3f} kWh"):
            assert figure in html
        assert covered == (745 - 7 * (label == "Desk")) * 3600
    house_kwh = sql(house, MONTH)[0]
    assert f"- House Energy {house_kwh:,.3f} kWh" in text and f"Energy: {round(house_kwh, 2):g} kWh" in text
    assert f"{round(house_kwh, 2):g} kWh" in html
    shown = float(re.search(r"Monitored: ([\d.]+)%", text)[1])
    assert shown == int(1000 * (2 * 745 - 7) / (2 * 745)) / 10


def test_a_gap_stays_a_gap(house):
    text = text_of(sent(house, of="2026-10"))
    assert "Mon 12 Oct 2026: no data for 7 h (Desk)." in text
    assert re.search(r"Desk Energy [^-]*no data for 7 h", text)
    assert "no data for 7 h, summed over the UPSes" in text


def test_outages_at_once_are_one_and_those_of_other_months_are_left_out(house):
    text = text_of(sent(house, of="2026-10"))
    assert "2 outages, 8 min 22 s on battery, the longest 7 min 17 s." in text
    assert "On battery: 8 min 22 s in 2 outages (September: 1 min in 1 outage)" in text
    assert "- 5 Oct 2026 10:10 Length 7 min 17 s · Lowest charge 81% · Energy 25 Wh both UPSes" in text
    assert "30 Sep 2026" not in text


def test_what_was_not_measured_in_the_period_before_is_said(house):
    text = text_of(sent(house, of="2026-09"))
    kwh, _, rows = sql(house, {"since": "2026-08-19T22:00:00.000Z", "until": BEFORE["since"]})
    share = round(100 * rows / 2 / (31 * 24))
    assert f"(August from 20 Aug: {kwh:.2f} kWh in the {share}% of the time that were measured)" in text
    assert "Recording began on 20 Aug 2026 00:00" in text
    assert "kWh, +" not in text, "a part of a month is not compared"


def test_chosen_upses_alone(house):
    report = ReportSettings("rack", "month", ("mail",), ups=("rack@closet",))
    mail = sent(house, report, of="2026-10")
    text, kwh = text_of(mail), sql(house, MONTH, "rack@closet")[0]
    assert mail["subject"] == "Report October 2026: Rack (Hill house)"
    assert f"Energy: {round(kwh, 2):g} kWh" in text and "Desk" not in text and "House" not in text
    assert "Length 7 min 17 s · Lowest charge 81% · Energy 12.5 Wh Rack cause: mains" in text
    assert "http://house.lan/reports?period=month&of=2026-10-01&ups=rack@closet" in text
    both = ReportSettings("both", "month", ("mail",), ups=("desk@closet", "rack@closet", "gone@closet"))
    text = text_of(sent(house, both, of="2026-10"))
    assert f"- House Energy {sql(house, MONTH)[0]:,.3f} kWh" in text
    assert (
        "gone@closet: nothing was ever recorded of this UPS" in text and "· Energy 25 Wh both UPSes" in text
    )


@pytest.mark.parametrize(
    ("every", "of", "title"),
    [
        ("day", "2026-10-25", "25 October 2026"),
        ("week", "2026-10-25", "Week 43"),
        ("year", "2026", "2026 so far"),
    ],
)
def test_other_periods_agree_with_sql(house, every, of, title):
    spans = {
        "day": ("2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"),
        "week": ("2026-10-18T22:00:00.000Z", "2026-10-25T23:00:00.000Z"),
        "year": ("2025-12-31T23:00:00.000Z", "2026-11-03T11:00:00.000Z"),
    }
    mail = sent(house, ReportSettings("one", every, ("mail",)), of=of)
    kwh = sql(house, dict(zip(("since", "until"), spans[every], strict=True)))[0]
    assert title in mail["subject"] and f"- House Energy {kwh:,.3f} kWh" in text_of(mail)


def test_csv_holds_the_rows(house):
    mail = sent(house, ReportSettings("rows", "month", ("mail",), csv=True), of="2026-10")
    files = {part.get_filename(): part.get_content() for part in mail.iter_attachments()}
    assert "rows-2026-10-energy_by_day-by-day.csv" in files and "rows-2026-10-load_report.csv" in files
    days = files["rows-2026-10-energy_by_day-by-day.csv"].splitlines()
    assert days[0].startswith("period,name,kwh,") and len(days) == 1 + 31 * 3
    whole = files["rows-2026-10-energy_by_day.csv"].splitlines()
    assert whole[-1].split(",")[1:3] == ["House", str(round(sql(house, MONTH)[0], 6))]


def test_an_empty_site(tmp_path):
    text = text_of(sent(ReportHouse(tmp_path / "telemetry.db")))
    assert "Nothing was recorded yet: `voltkeeper check` explains" in text and "kWh" not in text


def test_a_time_before_recording_began(house):
    text = text_of(sent(house, of="2026-05"))
    assert "Nothing was recorded in this time: recording began on 20 Aug 2026 00:00." in text


def test_an_ep20_alone_without_tariffs(tmp_path):
    house = ReportHouse(tmp_path / "telemetry.db")
    house.add_ups("garage", rome("2026-09-01"), "Garage", watts=172, until=NOW)
    text = text_of(sent(house))
    assert "No tariff: energy has no price." in text and "Cost" not in text and "House" not in text
    assert re.search(r"- Garage Energy [\d.]+ kWh · Average \d+ W", text)


def test_without_energy_data(tmp_path):
    house = ReportHouse(tmp_path / "telemetry.db")
    house.add_ups("rack@closet", rome("2026-09-01"), watts=None, volts=None, until=NOW)
    mail = sent(house)
    text = text_of(mail)
    assert "Energy: – (no UPS reports its power)" in text and "- rack@closet Energy – · Average –" in text
    assert "No voltages were recorded in hours without an outage." in text
    assert not [part for part in mail.walk() if part.get_content_maintype() == "image"]


def test_several_currencies(tmp_path):
    house = ReportHouse(tmp_path / "telemetry.db")
    house.add_ups("rack@closet", rome("2026-09-01"), until=NOW)
    house.execute(
        "insert into tariffs (valid_from, valid_to, hours, days, price_per_kwh, currency) values "
        "(null, '2026-10-10', '', '', 0.3, 'EUR'), ('2026-10-11', null, '', '', 0.3, 'CHF')"
    )
    assert "Cost: several currencies" in text_of(sent(house))


def test_the_report_of_an_open_month(house):
    mail = sent(house, of="2026-11")
    assert mail["subject"] == "Report November 2026 so far (Hill house)"
    assert "the same part of October: " in text_of(mail)


def test_a_kept_mail_is_read_back_as_it_was(house):
    mail = sent(house, of="2026-10")
    again = mail.as_bytes(policy=SMTP)
    assert max(map(len, again.split(b"\r\n"))) <= 998 and b"\r\n.\r\n" not in again


def test_a_ups_that_is_gone_since_long_does_not_prevent_the_comparison(tmp_path):
    house = ReportHouse(tmp_path / "telemetry.db")
    for name, until in (("rack@closet", NOW), ("desk@closet", NOW), ("old@closet", rome("2026-08-02"))):
        house.add_ups(name, rome("2026-08-01"), until=until)
    now, before = sql(house, MONTH)[0], sql(house, BEFORE)[0]
    change = round(100 * (now / before - 1))
    assert f"(September: {round(before, 2):.2f} kWh, +{change}%)" in text_of(sent(house))


def test_nodes_and_events(tmp_path):
    """Lines of real gateways; the rows are those of the queries of /reports."""
    house = ReportHouse(tmp_path / "telemetry.db")
    fill(house.path)
    now = time.time()
    at = format_utc(now)
    house.execute(
        "insert into events (event, node, started_at, ended_at) select 'NODE_SILENT', id, ?, ? from nodes "
        "where node_id = 7",
        (at, at),
    )
    house.execute("update nodes set battery_level = 12, battery_level_at = ? where node_id = 12", (at,))
    report = ReportSettings("today", "day", ("mail",))
    mail = sent(house, report, now=now + 1, of=at[:10], timezone="UTC")
    text = text_of(mail)
    heard = house.execute(
        "select n.name, sum(d.messages) from node_daily d join nodes n on d.series = n.id * (257 * 6 * 257) "
        "group by n.id order by n.id"
    )
    assert len(heard) >= 4
    for name, messages in heard:
        assert f"- {clean(name)} " in text and f"Messages {messages} · Heard on 1 of 1 day" in text
    assert "Silent nodes: 1 (" in text and "1 silent node." in text and "2 batteries to replace." in text
    assert "Why at 12% · Changed not known" in text and "NODE_SILENT, 1 node" in text
    assert "AVAILABILITY" not in text and "UPS" not in text
    assert "<img src=x" not in mail.get_body(("html",)).get_content()
