"""`voltkeeper report`: made, kept, queued, and sent by `voltkeeper outbound` to a real mail server."""

import email
import json
import sys
from email.policy import default

import pytest

from ingest.config.model import load_config
from outbound.reports.model import ReportError
from outbound.reports.run import make_in_child
from tests.outbound.reports.report_site import ReportHouse, rome
from tests.outbound.senders.smtp_receiver import receiving_mail
from voltkeeper.check.reports import report_findings

CONFIG = """title: Hill house
timezone: Europe/Rome
nut: [{{name: closet, host: 127.0.0.1, port: 1, ups: [rack]}}]
mail: {{host: 127.0.0.1, port: {port}, tls: none, from: voltkeeper@example.org}}
alerts:
  targets:
    - {{name: mail, mail: [owner@example.org, second@example.org]}}
    - {{name: program, command: [{python}, {script}]}}
reports:
  - {{name: monthly, every: month, to: [mail, program], csv: true}}
  - {{name: silent, every: day, query: stale_nodes, to: [mail], only_if_rows: true}}
  - {{name: wrong, every: day, query: energy_by_dy, to: [mail]}}
"""
SCRIPT = "import json, sys; json.dump(json.load(sys.stdin), open({path!r}, 'w'))"


@pytest.fixture
def house(tmp_path):
    """A UPS with two months of hours."""
    house = ReportHouse(tmp_path / "data" / "telemetry.db")
    house.add_ups("rack@closet", rome("2026-09-01"), "Rack", until=rome("2026-11-02"))
    return house


@pytest.fixture
def receiver():
    with receiving_mail() as running:
        yield running


def write_site(folder, port):
    script = folder / "note.py"
    script.write_text(SCRIPT.format(path=str(folder / "note.json")), encoding="utf-8")
    text = CONFIG.format(port=port, python=json.dumps(sys.executable), script=json.dumps(str(script)))
    (folder / "config.yml").write_text(text, encoding="utf-8")
    return load_config(folder / "config.yml")


def test_a_report_is_sent_to_each_target(house, receiver, voltkeeper, tmp_path, wait_for):
    write_site(tmp_path, receiver.port)
    outbound = voltkeeper("outbound")
    outbound.wait_text("Sending to")
    command = voltkeeper("report", "monthly", "--of", "2026-10-14")
    assert command.wait(120) == 0, command.text
    assert "kept as monthly.2026-10.eml, queued for mail, program" in command.text
    assert "mail: sent: 250" in command.text and "program: sent" in command.text

    (recipients, content), *others = [(one[0], one[1]) for one in receiver.mails]
    mail = email.message_from_bytes(content, policy=default)
    assert others == [] and set(recipients) == {"owner@example.org", "second@example.org"}
    assert (
        mail["subject"] == "Report October 2026 (Hill house)" and mail["auto-submitted"] == "auto-generated"
    )
    assert mail["to"] == "owner@example.org, second@example.org" and "voltkeeper@example.org" in mail["from"]
    assert mail["date"].datetime and mail["message-id"].endswith("@example.org>")
    assert not [name for name in mail if name.startswith("X-Voltkeeper")]
    kwh = house.execute(
        "select sum(wh) / 1000 from ups_samples_hourly where hour_at >= '2026-09-30T22' "
        "and hour_at < '2026-10-31T23'"
    )[0][0]
    assert f"Energy {kwh:,.3f} kWh" in mail.get_body(("plain",)).get_content()
    kinds = [part.get_content_type() for part in mail.walk()]
    assert "image/png" in kinds and "text/csv" in kinds and "multipart/related" in kinds

    told = json.loads((tmp_path / "note.json").read_text())
    assert told["kind"] == "report" and told["title"] == mail["subject"] and told["event"] == ""
    assert told["text"].splitlines()[-1].endswith("/reports?period=month&of=2026-10-01")
    assert f"{round(kwh, 2):g} kWh behind the UPSes" in told["text"]
    rows = house.execute("select target, kind, state, event, report from deliveries order by id")
    assert rows == [
        ("mail", "report", "sent", None, "monthly.2026-10.eml"),
        ("program", "report", "sent", None, "monthly.2026-10.eml"),
    ]
    assert outbound.end() == 0


def test_without_the_process_that_sends_it_stays_queued(house, voltkeeper, tmp_path):
    config = write_site(tmp_path, 1)
    command = voltkeeper("report", "monthly", "--of", "2026-10")
    assert command.wait(60) == 1
    assert "mail: queued: nothing sends it now: `voltkeeper up` or `voltkeeper outbound` does" in command.text
    assert make_in_child(config, "silent").file == ""
    assert house.execute("select count(*), max(state) from deliveries") == [(2, "queued")]
    kept = sorted(path.name for path in (tmp_path / "data" / "reports").iterdir())
    assert kept == ["monthly.2026-10.eml"]


def test_what_is_wrong_is_said(tmp_path):
    config = write_site(tmp_path, 1)
    with pytest.raises(ReportError, match="no report 'monthy': did you mean 'monthly'"):
        make_in_child(config, "monthy")
    with pytest.raises(ReportError, match=r"telemetry\.db: no such file: nothing has been stored yet"):
        make_in_child(config, "monthly")
    ReportHouse(config.database)
    with pytest.raises(ReportError, match="there is no query 'energy_by_dy': did you mean 'energy_by_day'"):
        make_in_child(config, "wrong")
    findings = dict(report_findings(config))
    assert (
        not findings["report wrong"].ok and "did you mean 'energy_by_day'" in findings["report wrong"].message
    )
    assert findings["report monthly"].message == "everything, each month at 07:00, to mail, program"
