"""`voltkeeper outbound`, the real process: what it sends, and what a kill does to that."""

import json
import random
import signal
import time
from contextlib import ExitStack, closing

import pytest
from aiosmtpd.controller import Controller

from ingest.config.model import load_config
from ingest.db.connection import connect
from ingest.db.time import format_utc
from tests.helpers.alert_receiver import CLOSING, DOWN, REFUSING, SLOW, UP, AlertReceiver
from tests.helpers.delivered import find_faults, read_deliveries
from tests.helpers.new_database import new_database
from voltkeeper import up

READY = "Sending to"


class Mailbox:
    """What a mail server took."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.mails.append(envelope.content.decode())
        return "250 OK queued as 7"


@pytest.fixture
def database(tmp_path):
    with closing(connect(new_database(tmp_path / "telemetry.db"))) as connection:
        connection.executemany(
            "insert into ups (id, name, driver, source, label) values (?, ?, 'nut', 'closet', ?)",
            [(number, f"u{number}@closet", f"U{number}") for number in (1, 2)],
        )
        yield connection


def begin(connection, ups=1, event="ONBATT"):
    sql = "insert into events (event, ups, started_at) values (?, ?, ?) returning id"
    return connection.execute(sql, (event, ups, format_utc(time.time()))).fetchone()[0]


def end(connection, event):
    connection.execute("update events set ended_at = ? where id = ?", (format_utc(time.time()), event))


def config_text(targets, more=""):
    return "\n".join(
        [
            "database: telemetry.db",
            "timezone: UTC",
            "alerts:",
            "  targets:",
            *(f"    - {{name: {name}, {where}}}" for name, where in targets.items()),
            more,
        ]
    )


def test_an_outage_reaches_a_service_a_mailbox_and_a_program(
    voltkeeper, write_config, database, tmp_path, wait_for, free_port
):
    mailbox, said = Mailbox(), tmp_path / "said.json"
    program = tmp_path / "program.sh"
    program.write_text(f"#!/bin/sh\ncat >> {said}\n")
    program.chmod(0o755)
    mail = Controller(mailbox, "127.0.0.1", free_port())
    with AlertReceiver() as receiver:
        mail.start()
        try:
            targets = {
                "phone": f"url: '{receiver.url}'",
                "owner": "mail: [owner@example.org]",
                "program": f"command: ['{program}']",
            }
            server = f"mail: {{host: 127.0.0.1, port: {mail.port}, tls: none, from: house@example.org}}"
            write_config(config_text(targets, server))
            process = voltkeeper("outbound")
            process.wait_text(READY)
            wait_for(lambda: database.execute("select 1 from alert_cursor").fetchone())
            began = time.monotonic()
            event = begin(database)
            wait_for(lambda: receiver.received and mailbox.mails and said.exists())
            assert receiver.received[0].at - began < 3
            end(database, event)
            wait_for(lambda: len(receiver.received) == 2 and len(mailbox.mails) == 2)
            wait_for(lambda: len(said.read_text().splitlines()) == 2)
            wait_for(lambda: {row["state"] for row in read_deliveries(tmp_path / "telemetry.db")} == {"sent"})
        finally:
            mail.stop()
        assert receiver.titles[0] == "U1: on battery"
        assert "Subject: U1: on battery" in mailbox.mails[0]
        fields = json.loads(said.read_text().splitlines()[0])
        assert (fields["event"], fields["kind"], fields["name"]) == ("ONBATT", "begin", "u1@closet")
        reasons = {row["target"]: row["reason"] for row in read_deliveries(tmp_path / "telemetry.db")}
        assert reasons == {"phone": "HTTP 200 OK", "owner": "250 OK queued as 7", "program": "exit code 0"}
        second = voltkeeper("outbound")
        assert second.wait() == 1 and "stop it first" in second.text
        stopping = time.monotonic()
        assert process.end(signal.SIGTERM) == 0
        assert time.monotonic() - stopping < 3


def test_what_is_being_sent_at_the_end_is_waited_for(voltkeeper, write_config, database, tmp_path, wait_for):
    with AlertReceiver(slow_s=1.0) as receiver:
        receiver.mode = SLOW
        write_config(config_text({"phone": f"url: '{receiver.url}'"}))
        process = voltkeeper("outbound")
        wait_for(lambda: database.execute("select 1 from alert_cursor").fetchone(), 30)
        begin(database, event="HOT")
        wait_for(lambda: receiver.requests)
        assert process.end(signal.SIGTERM) == 0
        assert [row["state"] for row in read_deliveries(tmp_path / "telemetry.db")] == ["sent"]


def test_what_is_killed_sends_each_message_once(voltkeeper, write_config, database, tmp_path, wait_for):
    rnd, events = random.Random(2), []
    with ExitStack() as stack:
        receivers = {n: stack.enter_context(AlertReceiver(slow_s=0.4)) for n in ("phone", "other")}
        write_config(config_text({name: f"url: '{one.url}'" for name, one in receivers.items()}))
        process = voltkeeper("outbound")
        wait_for(lambda: database.execute("select 1 from alert_cursor").fetchone(), 30)
        for mode in (SLOW, CLOSING, SLOW, DOWN, REFUSING):
            receivers["phone"].mode = mode
            events.append(begin(database))
            time.sleep(rnd.uniform(1.0, 1.6))
            process.end(signal.SIGKILL)
            end(database, events[-1])
            process = voltkeeper("outbound")
            process.wait_text(READY)
        receivers["phone"].mode = UP
        wait_for(lambda: len(read_deliveries(tmp_path / "telemetry.db")) >= 4 * len(events), 30)
        done = ("sent", "uncertain")
        wait_for(lambda: all(row["state"] in done for row in read_deliveries(tmp_path / "telemetry.db")), 60)
        assert find_faults(tmp_path / "telemetry.db", receivers, dict.fromkeys(receivers, events), 5) == []


@pytest.mark.parametrize(
    ("text", "is_started"),
    [
        ("", False),
        ("alerts: {repeat_s: 0}", False),
        ("alerts: {targets: [{name: phone, url: 'json://127.0.0.1/'}]}", True),
        ("alerts: {heartbeat: {url: 'https://example.org/'}}", True),
    ],
)
def test_up_starts_it_where_there_is_something_to_send(write_config, text, is_started):
    config = load_config(write_config(f"database: telemetry.db\n{text}"))
    commands = up._commands(config)
    assert ("outbound" in commands) is is_started
    assert all(name in command for name, command in commands.items())


def test_without_anything_to_send_it_says_so(voltkeeper, write_config):
    write_config("database: telemetry.db")
    process = voltkeeper("outbound")
    assert process.wait() == 2
    assert "There is nothing to send" in process.text
