"""Sending to real programs: what they are given, what they answer, and that none holds up the process."""

import asyncio
import json
import os
import time

import pytest

from ingest.severity import Severity
from outbound.alerts.model import AlertMessage, DeliveryKind
from outbound.senders import SendError
from outbound.senders.command import CommandSender, last_line
from outbound.senders.programs import program_problem
from tests.programs import wait_until

MESSAGE = AlertMessage(
    "Rack: on battery, 23 min left",
    "Rack: on battery\nhttps://volt.example.org/ups/rack@closet",
    Severity.WARNING,
    DeliveryKind.BEGIN,
    "ONBATT",
    "rack@closet",
)


@pytest.fixture
def script(tmp_path):
    def write(text, first="#!/bin/sh"):
        path = tmp_path / "program"
        path.write_text(f"{first}\ncd {tmp_path}\n{text}\n")
        path.chmod(0o755)
        return str(path)

    return write


def send(*command, message=MESSAGE, number=None, limit_s=5.0):
    return asyncio.run(CommandSender(command, limit_s).send(message, number))


def refused(*command, **options):
    with pytest.raises(SendError) as caught:
        send(*command, **options)
    return caught.value.reason


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_program_gets_the_message_as_json_and_as_variables(script, tmp_path):
    answer = send(
        script("cat >in.json; env >env; echo first; echo done; echo >&2 unused"), "--now", number=12
    )
    assert answer == "exit code 0: done"
    given = json.loads((tmp_path / "in.json").read_text())
    variables = dict(
        line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines() if "=" in line
    )
    assert {key: given[key] for key in ("event", "kind", "severity", "name", "text")} == {
        "event": "ONBATT",
        "kind": "begin",
        "severity": "Warning",
        "name": "rack@closet",
        "text": MESSAGE.text,
    }
    assert given["title"].startswith(MESSAGE.title) and "#12" in given["title"]
    for key, value in given.items():
        assert variables[f"VOLTKEEPER_{key.upper()}"] == value.splitlines()[0]


def test_no_shell_reads_the_arguments(script, tmp_path):
    send(script('printf "%s|" "$@" >arguments'), "$HOME; touch oops", "a b", "")
    assert (tmp_path / "arguments").read_text() == "$HOME; touch oops|a b||"
    assert not (tmp_path / "oops").exists()


def test_secrets_of_the_environment_stay_here(script, tmp_path, monkeypatch):
    monkeypatch.setenv("ALERT_PHONE_URL", "ntfy://topsecret")
    send(script("env >env"))
    assert "topsecret" not in (tmp_path / "env").read_text()
    assert "PATH=" in (tmp_path / "env").read_text()


ENDS = [
    ("echo no >&2; echo 'lamp is off' >&2; echo >&2; exit 3", "exit code 3: lamp is off"),
    ("exit 1", "exit code 1"),
    ("kill -TERM $$", "ended by signal 15"),
    ("printf '\\033[31mred\\000\\n' >&2; exit 2", "exit code 2: [31mred"),
    ("printf '\\377\\376' >&2; exit 2", "exit code 2: \ufffd\ufffd"),
]


@pytest.mark.parametrize(("text", "reason"), ENDS, ids=[row[1] for row in ENDS])
def test_the_reason_is_exit_code_and_last_line(script, text, reason):
    program = script(text)
    assert refused(program) == f"{program}: {reason}"


def test_a_program_that_runs_too_long_is_ended_with_its_children(script, tmp_path):
    program = script(
        "trap '' TERM HUP\nsleep 60 & echo $! >child; sleep 60 >/dev/null & echo $! >other\nwait"
    )
    began = time.monotonic()
    assert refused(program, limit_s=0.5) == f"{program} was ended: it ran for more than 0.5 s"
    assert time.monotonic() - began < 3
    for name in ("child", "other"):
        child = int((tmp_path / name).read_text())
        wait_until(lambda child=child: not is_alive(child))


def test_a_child_that_goes_on_is_left_alone_and_not_waited_for(script, tmp_path):
    began = time.monotonic()
    assert send(script("sleep 20 & echo $! >child; echo started")) == "exit code 0: started"
    assert time.monotonic() - began < 3
    child = int((tmp_path / "child").read_text())
    assert is_alive(child)
    os.kill(child, 9)


def test_a_program_that_is_stopped_with_us_leaves_nothing(script, tmp_path):
    program = script("echo $$ >own; sleep 60")

    async def cancelled():
        task = asyncio.ensure_future(CommandSender((program,)).send(MESSAGE))
        while not (tmp_path / "own").exists() or not (tmp_path / "own").read_text():
            await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancelled())
    assert not is_alive(int((tmp_path / "own").read_text()))


def test_a_program_that_reads_nothing(script):
    large = AlertMessage("x", "y" * 2_000_000, Severity.OK, DeliveryKind.DIGEST)
    assert send(script("exec 0<&-; exit 0"), message=large) == "exit code 0"


def test_a_program_that_writes_without_end(script):
    assert refused(script("yes x; true"), limit_s=1.0).endswith("it ran for more than 1 s")
    assert send(script("head -c 3000000 /dev/zero | tr '\\0' 'x'; echo; echo end")) == "exit code 0: end"


@pytest.mark.parametrize(
    "text", ["a\0b", "\ud800", "=", "$(reboot) `reboot`\n;reboot", "\U0001f50b" * 50_000]
)
def test_hostile_texts_are_only_text(script, tmp_path, text):
    message = AlertMessage(text[:100], text, Severity.OK, DeliveryKind.BEGIN, "ALARM", text[:100])
    assert (
        send(script('cat >in.json; printf %s "$VOLTKEEPER_TITLE" >title'), message=message) == "exit code 0"
    )
    given = json.loads((tmp_path / "in.json").read_bytes())
    assert given["event"] == "ALARM" and len(given["text"]) == len(text)


CANNOT_START = [
    ("/nosuch/program", "No such file or directory"),
    ("/etc", "Permission denied"),
    ("/etc/passwd", "Permission denied"),
    ("with\0nul", "embedded null byte"),
]


@pytest.mark.parametrize(("program", "why"), CANNOT_START)
def test_a_program_that_cannot_be_started(program, why):
    assert f"cannot be started: {why}: is it there, and may this user run it?" in refused(program)


def test_a_program_in_no_known_format(script):
    assert "Exec format error" in refused(script("", first="\x7f\x01nothing"))


def test_whether_a_program_is_there_is_known_before(script, tmp_path):
    assert program_problem(script("true")) == "" and program_problem("sh") == ""
    (tmp_path / "data").write_text("x")
    assert program_problem(str(tmp_path / "data")).endswith("may not be run by this user: chmod +x it")
    for first, text in (
        ("echo hi", "does not say what runs it: begin it with #!/bin/sh"),
        ("#!/bin/sh\r", "has line ends of Windows: sed -i"),
        ("#!/nowhere/python", "is run by /nowhere/python, which is not there: mend its first line"),
    ):
        assert text in program_problem(script("", first=first)), first
    assert (
        program_problem("stop-lab")
        == "there is no program stop-lab: write its path, such as /usr/local/bin/stop-lab"
    )


def test_the_last_line_has_something_in_it():
    assert last_line(b"a\nb\n\n  \n") == "b" and last_line(b"") == ""
