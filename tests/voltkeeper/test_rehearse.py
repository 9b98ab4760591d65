"""`voltkeeper rehearse` with a running `voltkeeper outbound` and a real receiver."""

import re
import signal
import subprocess
import sys
from contextlib import closing

import pytest
from click.testing import CliRunner

from ingest.db.connection import connect
from ingest.ups.registry import insert
from outbound.sending_lock import is_sending
from tests.helpers.alert_receiver import REFUSING, UP, AlertReceiver
from tests.helpers.new_database import new_database
from tests.plugins.site_helpers import fill
from tests.programs import wait_until
from voltkeeper.cli import main

CONFIG = """
database: {folder}/telemetry.db
timezone: UTC
web: {{port: 0}}
gateways: [{{name: main, tcp: '127.0.0.1:1'}}, {{name: shed, tcp: '127.0.0.1:2'}}]
alerts:
  targets: [{{name: phone, url: '{phone}'}}, {{name: mail, url: '{mail}'}}]
  rules:
    - {{events: [ONBATT], after_s: 20, to: [phone]}}
    - {{events: [LOWBATT, NODE_SILENT], to: [phone, mail], digest: '08:00'}}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """(config file, receiver of phone, receiver of mail) with outbound running."""
    folder = tmp_path_factory.mktemp("rehearse")
    new_database(folder / "telemetry.db")
    fill(folder / "telemetry.db")
    with closing(connect(folder / "telemetry.db")) as connection:
        insert(connection, "rack@closet", "nut", "closet", "x/rack", "Rack")
        connection.execute("update ups set configured = 1")
    with AlertReceiver() as phone, AlertReceiver() as mail:
        config = folder / "config.yml"
        config.write_text(CONFIG.format(folder=folder, phone=phone.url, mail=mail.url))
        yield config, phone, mail


@pytest.fixture(scope="module")
def sending(house):
    """The same while `voltkeeper outbound` runs."""
    config, *receivers = house
    command = [sys.executable, "-m", "voltkeeper", "outbound", "--config", config]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: is_sending(config.parent / "telemetry.db"))
            yield config, *receivers
        finally:
            process.send_signal(signal.SIGTERM)


def rehearse(config, *arguments):
    result = CliRunner().invoke(main, ["rehearse", *arguments[:1], "--config", str(config), *arguments[1:]])
    return result.exit_code, result.output


def rows(config, sql):
    with closing(connect(config.parent / "telemetry.db", readonly=True)) as connection:
        return connection.execute(sql).fetchall()


def test_without_the_process_that_sends_it_says_so_and_queues_nothing(house):
    code, output = rehearse(house[0], "outage", "--ups", "rack@closet")
    assert code == 1 and "`voltkeeper outbound` is not running" in output
    assert rows(house[0], "select count(*) from deliveries") == [(0,)]


def test_an_outage_goes_to_whom_rules_name_and_stores_no_event(sending):
    config, phone, mail = sending
    code, output = rehearse(config, "outage", "--ups", "rack@closet", "--low-battery")
    assert code == 0, output
    assert [re.sub(r", .*| after.*", "", title) for title in phone.titles] == [
        "REHEARSAL Rack: on battery",
        "REHEARSAL Rack: battery low",
        "REHEARSAL Rack: battery no longer low",
        "REHEARSAL Power is back: Rack",
    ]
    assert "A real one would be sent when it has gone on for 20 s." in phone.received[0].text
    assert "A real one would be in the digest at 08:00." in mail.received[0].text
    assert len(mail.titles) == 2 and "6 of 6 messages arrived" in output
    assert len(re.findall("^ok   (?:phone|mail )", output, re.M)) == 6
    assert len(re.findall("^--   mail .*no rule names both", output, re.M)) == 2
    assert rows(config, "select distinct kind, state, event from deliveries") == [("rehearsal", "sent", None)]
    assert rows(config, "select count(*) from events where ups is not null") == [(0,)]


def test_a_receiver_that_refuses_makes_it_fail_with_its_answer(sending):
    config, _, mail = sending
    mail.mode, mail.status = REFUSING, 500
    code, output = rehearse(config, "silence", "--node", "main/7")
    mail.mode = UP
    assert code == 1 and "2 of 4 messages arrived" in output
    assert len(re.findall(r"^FAIL mail .*failed: .*500", output, re.M)) == 2, output


def test_every_kind_comes_and_more_than_ten_come_as_a_digest(sending, tmp_path):
    config, phone, _ = sending
    phone.received.clear()
    code, output = rehearse(config, "all")
    assert code == 0 and [title.startswith("REHEARSAL") for title in phone.titles] == [True] * 4, output
    text = config.read_text()
    everything = tmp_path / "config.yml"
    everything.write_text(text[: text.index("  rules:")])
    phone.received.clear()
    code, output = rehearse(everything, "all")
    assert code == 0, output
    assert len(phone.titles) == 10 and phone.titles[-1].startswith("REHEARSAL ")
    assert "in the digest #" in output and " messages: " in phone.titles[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("outage", "--ups", "rack@clozet"), "did you mean 'rack@closet'?"),
        (("silence", "--node", "main/77"), "did you mean 'main/7'?"),
    ],
)
def test_what_there_is_not_cannot_be_played(sending, arguments, message):
    code, output = rehearse(sending[0], *arguments)
    assert code == 1 and message in output


def test_a_rehearsal_that_nobody_waits_for_is_not_sent_when_alerts_run_again(sending):
    config, phone, _ = sending
    phone.received.clear()
    with closing(connect(config.parent / "telemetry.db")) as connection:
        connection.execute(
            "insert into deliveries (target, kind, severity, title, text, created_at) values "
            "('phone', 'rehearsal', 'OK', 'REHEARSAL of before', '', '2026-01-01T00:00:00.000Z')"
        )
    old = "select state, reason from deliveries where title = 'REHEARSAL of before' and state <> 'queued'"
    assert wait_until(lambda: rows(config, old)) == [
        ("expired", "it was not sent before the request for it ended")
    ]
    assert phone.titles == []
