"""`voltkeeper setup` on a terminal and in a script, with a real upsd and a gateway over TCP."""

import os
import pty
import re
import select
import stat
import sys
import time
from functools import partial

import pytest
import yaml
from click.testing import CliRunner
from datasette_auth_passwords.utils import verify_password

from ingest.config.environment_file import parse_environment
from ingest.config.model import load_config
from tests.helpers.broker import MOSQUITTO, Broker
from tests.helpers.demo_gateway import running_gateway
from tests.ingest.nut.lab import Lab
from tests.programs import child_environment
from voltkeeper.cli import main
from voltkeeper.setup import dialogue
from voltkeeper.setup.dialogue import SetupOptions, run_setup
from voltkeeper.setup.files import scalar
from voltkeeper.setup.sources import local_upsd, serial_ports, try_gateway, try_mqtt, try_nut

COMMAND = [sys.executable, "-m", "voltkeeper", "setup"]


@pytest.fixture(scope="module")
def lab():
    with Lab({"rack": "ups.status: OL"}) as running:
        running.wait("rack")
        yield running


@pytest.fixture(scope="module")
def gateway():
    with running_gateway(port=0, boot=True) as running:
        yield running


def run(folder, *arguments, text=""):
    """`voltkeeper setup` in this process, as in a pipe."""
    options = ["--config", str(folder / "config.yml"), "--no-search", *map(str, arguments)]
    return CliRunner().invoke(main, ["setup", *options], input=text)


class Terminal:
    """A child on a terminal of its own: what it shows, and keys to press."""

    def __init__(self, folder, *arguments):
        self.pid, self._leader = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(sys.executable, [*COMMAND, *map(str, arguments)], child_environment(TERM="xterm"))
        self.shown = ""

    def answer(self, question, keys):
        """Wait for a question, and answer it."""
        start = len(self.shown)
        self._read(lambda: question in self.shown[start:], f"no {question!r}")
        os.write(self._leader, f"{keys}\n".encode())

    def end(self):
        """The exit code."""
        self._read(lambda: False, "it did not end")
        os.close(self._leader)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self, done, fault):
        until = time.monotonic() + 90
        while not done():
            assert time.monotonic() < until, f"{fault}: {self.shown}"
            if select.select([self._leader], [], [], 1)[0]:
                try:
                    self.shown += os.read(self._leader, 4096).decode(errors="replace")
                except OSError:  # the child has ended
                    assert fault == "it did not end", f"{fault}: {self.shown}"
                    return


def test_on_a_terminal_with_an_upsd_and_a_gateway(tmp_path, lab, gateway):
    terminal = Terminal(tmp_path, "--no-search")
    terminal.answer("Address of a MySensors gateway", f"127.0.0.1:{gateway.port}")
    terminal.answer("Address of a further MySensors gateway", "127.0.0.1:1")
    terminal.answer("Take it all the same?", "n")
    terminal.answer("Address of a further MySensors gateway", "")
    terminal.answer("Address of a NUT server", f"127.0.0.1:{lab.port}")
    terminal.answer("Address of a further NUT server", "")
    terminal.answer("Address of an MQTT broker", "")
    terminal.answer("Title of the site", "Rossi's: the #1 house")
    terminal.answer("Time zone", "Europe/Atlantis")
    terminal.answer("Time zone", "Europe/Rome")
    terminal.answer("Name to sign in with", "")
    terminal.answer("Password of owner", "a pass word")
    terminal.answer("The same again", "a pass word")
    assert terminal.end() == 0, terminal.shown
    assert "\x1b[32m" in terminal.shown and "rack is on mains" in terminal.shown
    assert "a pass word" not in terminal.shown  # nothing that is typed hidden is shown

    config = load_config(tmp_path / "config.yml")
    assert (config.title, config.timezone) == ("Rossi's: the #1 house", "Europe/Rome")
    assert [one.tcp for one in config.gateways] == [f"127.0.0.1:{gateway.port}"]
    assert [(one.name, one.host, one.port) for one in config.nut] == [("nut", "127.0.0.1", lab.port)]
    (owner,), (token,) = config.access.people, config.access.tokens
    assert verify_password("a pass word", owner.password_hash) and owner.may == token.may != frozenset()
    for name in ("config.yml", "voltkeeper.env"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    text = (tmp_path / "config.yml").read_text()
    assert owner.password_hash not in text and token.token not in text + terminal.shown


def test_ctrl_c_writes_nothing(tmp_path):
    terminal = Terminal(tmp_path, "--no-search")
    terminal.answer("Address of a MySensors gateway", "")
    terminal.answer("Address of a NUT server", "\x03")
    assert terminal.end() == 1 and "nothing was written" in terminal.shown.lower()
    assert not [*tmp_path.iterdir()]


def test_what_is_there_is_kept_unless_one_says_so(tmp_path):
    (tmp_path / "config.yml").write_text("title: Mine\n")
    terminal = Terminal(tmp_path, "--no-search")
    terminal.answer("Write anew?", "")
    assert terminal.end() == 1
    refused = run(tmp_path)
    assert refused.exit_code == 1 and "--replace" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["config.yml"]
    done = run(tmp_path, "--replace", "--title", "New")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "config.yml.before").read_text() == "title: Mine\n"
    assert load_config(tmp_path / "config.yml").title == "New"
    run(tmp_path, "--replace")
    assert (tmp_path / "config.yml.before-2").exists() and (tmp_path / "voltkeeper.env.before").exists()


def test_in_a_pipe_with_options_alone(tmp_path, lab, gateway):
    done = run(
        tmp_path,
        *("--gateway", f"127.0.0.1:{gateway.port}", "--nut", f"127.0.0.1:{lab.port}"),
        *("--port", 8123, "--password-stdin", "--owner", "anna"),
        text="from a pipe\n",
    )
    assert done.exit_code == 0, done.stderr
    assert "\x1b" not in done.stdout and "from a pipe" not in done.stdout + done.stderr
    config = load_config(tmp_path / "config.yml")
    assert (config.web.port, config.access.people[0].name) == (8123, "anna")
    assert verify_password("from a pipe", config.access.people[0].password_hash)


def test_a_password_that_was_made_is_shown_once(tmp_path):
    done = run(tmp_path)
    (password,) = re.findall(r"[a-z2-9]{5}(?:-[a-z2-9]{5}){3}", done.stdout)
    config = load_config(tmp_path / "config.yml")
    assert verify_password(password, config.access.people[0].password_hash)
    assert password not in (tmp_path / "config.yml").read_text() + (tmp_path / "voltkeeper.env").read_text()


def test_a_source_that_does_not_answer_stops_a_script(tmp_path):
    done = run(tmp_path, "--gateway", "127.0.0.1:1")
    assert done.exit_code == 1 and "Connection refused" in done.stdout and "--untested" in done.stderr
    assert not [*tmp_path.iterdir()]
    assert run(tmp_path, "--gateway", "127.0.0.1:1", "--untested").exit_code == 0
    assert "# not reached: Connection refused" in (tmp_path / "config.yml").read_text()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--timezone", "Mars/Olympus"), "Mars/Olympus"),
        (("--owner", "Anna Rossi"), "not a valid name"),
        (("--gateway", "127.0.0.1:99999"), "not HOST:PORT"),
        (("--gateway", "127.0.0.1:1", "--gateway", "127.0.0.1:1", "--untested"), "named twice"),
    ],
)
def test_a_wrong_answer_writes_nothing(tmp_path, arguments, fault):
    done = run(tmp_path, *arguments)
    assert (
        done.exit_code == 1 and fault in done.stdout + done.stderr and isinstance(done.exception, SystemExit)
    )
    assert not [*tmp_path.iterdir()]


def test_the_search_finds_the_upsd_of_this_machine(tmp_path, lab, monkeypatch, capsys):
    found = partial(local_upsd, lab.port)
    monkeypatch.setattr(dialogue, "local_upsd", found)
    assert run_setup(SetupOptions(tmp_path / "config.yml")) == 0
    assert [one.port for one in load_config(tmp_path / "config.yml").nut] == [lab.port]
    assert "rack is on mains" in capsys.readouterr().out
    assert local_upsd(1) is None
    assert all(port.device.startswith("/dev/") for port in serial_ports())


def test_names_and_addresses_of_sources(gateway):
    first = try_gateway(f"127.0.0.1:{gateway.port}")
    assert first.finding.ok and first.name == "main"
    assert try_gateway("127.0.0.1:1", ["main"]).name == "gateway-2"
    assert dict(try_gateway("::1").keys) == {"tcp": "[::1]:5003"}
    assert dict(try_nut("nas.invalid").keys) == {"host": "nas.invalid"}


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_a_broker_is_tried_and_written(tmp_path):
    with Broker(tmp_path / "broker") as broker:
        done = run(tmp_path, "--mqtt", f"127.0.0.1:{broker.port}")
    assert done.exit_code == 0 and "MQTT broker 127.0.0.1" in done.stdout, done.stdout
    (written,) = load_config(tmp_path / "config.yml").mqtt
    assert (written.name, written.host, written.port) == ("broker", "127.0.0.1", broker.port)
    gone = try_mqtt(f"127.0.0.1:{broker.port}", ["broker"])
    assert gone.name == "broker-2" and "nothing listens there" in gone.finding.message


@pytest.mark.parametrize(
    "text", ["plain", "a, b", "#1", "it's", "yes", "12", "", "è: [x]", "a\tb", "{$env: X}", "- x", "x\x07y"]
)
def test_a_scalar_reads_as_it_was(text):
    assert yaml.safe_load(f"{{key: {scalar(text)}, other: 1}}") == {"key": text, "other": 1}


def test_the_environment_file():
    text = "# a comment\nA='x$y#z'\nexport B=\"two words\"\nC=plain\nD='half\nE=$(rm -rf /)\n"
    assert parse_environment(text) == {"A": "x$y#z", "B": "two words", "C": "plain"}


def test_the_environment_itself_comes_first(tmp_path, monkeypatch):
    (tmp_path / "voltkeeper.env").write_text("HOUSE_TITLE='from the file'\n")
    (tmp_path / "config.yml").write_text("title: {$env: HOUSE_TITLE}\n")
    assert load_config(tmp_path / "config.yml").title == "from the file"
    monkeypatch.setenv("HOUSE_TITLE", "from outside")
    assert load_config(tmp_path / "config.yml").title == "from outside"
