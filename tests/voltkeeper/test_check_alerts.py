"""`voltkeeper check`: whether each target can be used and, with --send, what it answers to a test."""

import os
import stat

import pytest

from tests.outbound.senders.http_receiver import receiving
from tests.outbound.senders.smtp_receiver import receiving_mail
from voltkeeper.check import run_check
from voltkeeper.config_source import Sources

SECRET = "topsecrettopic"


@pytest.fixture
def check(write_config, free_port):
    """A function that checks a config text; returns its exit code and the lines about alerts."""

    def run(text, send=False):
        path = write_config(f"web: {{port: {free_port()}}}\n{text}")
        os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)
        lines = []
        code = run_check(path, Sources(), None, lines.append, send=send)
        assert not any(SECRET in line for line in lines)
        about = ("target", "alerts", "quiet", "mail", "heartbeat")
        return code, [
            line
            for line in lines
            if line.split(maxsplit=1)[1].startswith(about) and not line.startswith("note")
        ]

    return run


def test_without_alerts_there_is_no_line(check):
    assert check("title: x") == (0, [])


def test_targets_rules_and_quiet_hours_are_told(check, monkeypatch):
    monkeypatch.setenv("PHONE", f"ntfys://ntfy.sh/{SECRET}")
    code, lines = check("""
alerts:
  targets:
    - {name: phone, url: {$env: PHONE}}
    - {name: lab, command: [/bin/true, now]}
  rules: [{events: [ONBATT], after_s: 20, to: [phone]}]
  quiet: {from: "22:00", to: "07:00"}
timezone: Europe/Berlin
""")
    assert code == 0
    assert lines == [
        "ok      target phone (ntfys://ntfy.sh): is understood; `voltkeeper check --send` sends a test",
        "ok      target lab (/bin/true): the program is there; `check --send` runs it; no rule names it, so "
        "that it gets no events",
        "ok      alerts: On battery for 20 s or more goes to phone at once.",
        "ok      quiet hours: 22:00 to 07:00 (Europe/Berlin): what is critical is sent, the rest comes at "
        "their end",
    ]


def test_what_cannot_be_used_is_a_failure_with_its_remedy(check):
    code, lines = check(f"""
mail: {{host: 127.0.0.1, port: 1, from: v@example.org}}
alerts:
  targets:
    - {{name: phone, url: "nfty://{SECRET}"}}
    - {{name: lab, command: [/nosuch/stop-lab]}}
""")
    assert code == 1
    assert lines[:3] == [
        "FAILED  mail 127.0.0.1:1: connection refused: check host and port of mail:",
        "FAILED  target phone (nfty://): Apprise knows no service nfty://: did you mean 'ntfy'?",
        "FAILED  target lab (/nosuch/stop-lab): there is no program /nosuch/stop-lab: write its path, such "
        "as /usr/local/bin/stop-lab",
    ]


def test_a_test_is_sent_by_the_real_senders(check, tmp_path):
    program = tmp_path / "lamp"
    program.write_text("#!/bin/sh\necho $VOLTKEEPER_KIND\n")
    program.chmod(0o755)
    with receiving() as web, receiving_mail() as mail:
        text = f"""
mail: {{host: 127.0.0.1, port: {mail.port}, tls: none, from: v@example.org}}
alerts:
  targets:
    - {{name: phone, url: "ntfy://{web.place}/{SECRET}"}}
    - {{name: owner, mail: [owner@example.org]}}
    - {{name: lamp, command: [{program}]}}
"""
        code, lines = check(text)
        assert code == 0 and not web.requests and not mail.mails
        assert (
            lines[0]
            == f"ok      mail 127.0.0.1:{mail.port}: answers without encryption, is not asked for a login"
        )
        code, lines = check(text, send=True)
        assert code == 0
        assert lines[1:4] == [
            "ok      target phone (ntfy://127.0.0.1): a test was sent; the answer: HTTP 200 OK",
            "ok      target owner (owner@example.org by 127.0.0.1): a test was sent; the answer: 250 2.0.0 "
            "Ok: queued as 4711",
            f"ok      target lamp ({program}): a test was sent; the answer: exit code 0: test",
        ]
        assert web.taken[0]["title"] == "Test of phone: alerts reach you"
        assert b"Test of owner" in mail.mails[0][1]
        web.status, web.body = 403, b'{"error":"forbidden"}'
        mail.refuse["owner@example.org"] = "550 5.1.1 no such user"
        code, lines = check(text, send=True)
    assert code == 1
    assert lines[1:3] == [
        "FAILED  target phone (ntfy://127.0.0.1): the test was not sent: HTTP 403 Forbidden: forbidden",
        "FAILED  target owner (owner@example.org by 127.0.0.1): the test was not sent: 127.0.0.1: "
        "owner@example.org refused: 550 5.1.1 no such user",
    ]


def test_the_heartbeat_is_told_and_sent_without_its_secret(check):
    text = "alerts: {{heartbeat: {{url: 'http://{place}/{secret}', every_s: 60}}}}"
    with receiving() as receiver:
        config = text.format(place=receiver.place, secret=SECRET)
        assert check(config) == (
            0,
            [
                "ok      heartbeat to http://127.0.0.1: every 60 s while `voltkeeper outbound` runs; "
                "`voltkeeper check --send` sends one"
            ],
        )
        code, [line] = check(config, send=True)
    assert (code, line) == (0, "ok      heartbeat to http://127.0.0.1: one was sent and taken")
    code, [line] = check(config, send=True)
    assert (code, line) == (1, "FAILED  heartbeat to http://127.0.0.1: no answer: Connection refused")
