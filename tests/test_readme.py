"""Every command of the README works, against the demo gateway and UPSes."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
import urllib.request
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from tests.programs import running_site, wait_until

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = [
    command
    for block in re.findall(r"```sh\n(.*?)```", README, re.S)
    for command in re.sub(r"\\\n\s*", "", block).strip().split("\n")
]
PHONE_COMMANDS = tuple(command for command in COMMANDS if "voltkeeper.env" in command)
ALERT_COMMANDS = [
    command for command in COMMANDS if re.match(r"voltkeeper (check --send|rehearse |mute)", command)
]
CURLS = [command for command in COMMANDS if command.startswith("curl ")]
TOKEN = "readme-token-0123456789"


YAML = re.findall(r"```yaml\n(.*?)```", README, re.S)


def env(folder):
    venv = Path(os.sys.executable).parent
    return {**os.environ, "PATH": f"{venv}:{os.environ['PATH']}", "CI_TOKEN": TOKEN, "PWD": str(folder)}


def run(command, folder, timeout=60, text=None):
    return subprocess.run(
        ["sh", "-ec", command],
        cwd=folder,
        env=env(folder),
        input=text,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A site as the README has it, a demo gateway and a phone: (folder, URL, gateway, messages)."""
    from ingest.demo.ups.history import live_upses
    from tests.helpers.demo_gateway import running_gateway

    folder = tmp_path_factory.mktemp("readme")
    with running_gateway(boot=True) as gateway, live_upses() as (upsd, _), ntfy_server() as ntfy:
        (folder / "config.yml").write_text(
            f"timezone: Europe/Rome\ndatabase: telemetry.db\nweb: {{port: 0}}\n"
            f"gateways: [{{name: main, tcp: '127.0.0.1:{gateway.port}'}}]\n"
            f"nut: [{{name: closet, port: {upsd.port}, poll_s: 2, "
            "command_username: operator, command_password: demo}]\n"
            "ups: {rack@closet: {commands: [beeper.mute, test.battery.start], "
            "settings: [battery.charge.low]}}\n"
            "access: {tokens: [{name: ci, token: {$env: CI_TOKEN}, may: [edit, order, upload, maintain]}]}\n"
            + next(block for block in YAML if block.startswith("alerts:"))
        )
        for command in PHONE_COMMANDS:
            address = f"ntfy://127.0.0.1:{ntfy.server_address[1]}"
            assert run(command.replace("ntfys://ntfy.sh", address), folder).returncode == 0
        (folder / "config.yml").chmod(0o600)
        process = subprocess.Popen(
            ["voltkeeper", "up", "--config", "config.yml"],
            cwd=folder,
            env=env(folder),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            url = next(
                found[0] for line in process.stdout if (found := re.findall(r"http://127\.0\.0\.1:\d+", line))
            )
            wait_for_node(url, 4, gateway)
            wait_for_node(url, 8, gateway)
            open_alarm(folder / "telemetry.db")
            (folder / "build").mkdir()
            shutil.copy(ROOT / "static/sample.hex", folder / "build/sketch.hex")
            yield folder, url, gateway, ntfy.messages
        finally:
            process.terminate()
            process.wait(30)


class Ntfy(BaseHTTPRequestHandler):
    """The part of an ntfy server that takes messages."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.messages.append(body)
        answer = json.dumps({"id": "1", "event": "message", **body}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        """Nothing."""


@contextmanager
def ntfy_server():
    """A server whose `messages` are what it got."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Ntfy) as server:
        server.messages = []
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def open_alarm(database):
    """An alarm of rack@closet that stands, once that UPS is stored."""
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as connection:
        wait_until(lambda: connection.execute("select 1 from ups where name = 'rack@closet'").fetchone())
        connection.execute(
            """insert into events (event, ups, started_at, detail)
            select 'ALARM', id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 'UPS is in ECO Mode.' from ups
            where name = 'rack@closet'"""
        )


def wait_for_node(url, node, gateway):
    """Wait until the node is stored; sends a message of it each second, in case the first was missed."""
    for _ in range(60):
        with urllib.request.urlopen(f"{url}/telemetry/nodes.json?_shape=array&id={node}") as answer:
            if json.load(answer):
                return
        time.sleep(1)
        gateway.inject(f"{node};255;3;0;22;1")
    raise AssertionError(f"no message of node {node} was stored")


def test_every_command_is_covered_by_a_test():
    known = ("curl ", "voltkeeper ", "script/", "export PATH", "git clone ", "sudo apt install git ")
    known += PHONE_COMMANDS
    others = [command for command in COMMANDS if not command.startswith(known)]
    assert COMMANDS and others == certificate_commands()


@pytest.mark.parametrize("command", CURLS)
def test_queries_and_writes(command, house):
    folder, url, *_ = house
    done = run(command.replace("http://127.0.0.1:8001", url).replace("curl ", "curl -f ", 1), folder)
    assert done.returncode == 0, done.stderr + done.stdout
    if "Bearer" in command:
        assert json.loads(done.stdout)["ok"] is True
    elif "/api/" in command:
        assert isinstance(json.loads(done.stdout), dict)
    elif "/metrics" in command:
        assert "# HELP" in done.stdout
    elif ".csv" in command:
        assert "," in done.stdout.splitlines()[0]
    else:
        assert isinstance(json.loads(done.stdout), list)


@pytest.mark.parametrize(
    "command",
    [
        "voltkeeper --help",
        "voltkeeper check",
        "voltkeeper status",
        "voltkeeper prune --dry-run",
        "voltkeeper prune",
    ],
)
def test_commands_that_print(command, house):
    assert command in COMMANDS
    for _ in range(30):  # the site's own daily work may be under way
        done = run(command, house[0])
        if "another program prunes" not in done.stdout + done.stderr:
            break
        time.sleep(1)
    assert done.returncode == 0, done.stderr + done.stdout
    assert len(done.stdout.splitlines()) > 1


def test_the_first_message_reaches_a_phone(house):
    folder, _, _, messages = house
    assert len(ALERT_COMMANDS) == 6
    for command in ALERT_COMMANDS:
        before = len(messages)
        done = run(command, folder, timeout=90)
        assert done.returncode == 0, (command, done.stdout + done.stderr)
        texts = "\n".join(f"{one['topic']} {one.get('title')} {one['message']}" for one in messages[before:])
        if "mute" not in command:
            assert "hill-house-4f7a91c2" in texts, command
        if "rehearse" in command:
            assert "REHEARSAL" in texts and ("Rack" in texts or "rack" in texts or "silent" in texts), texts


def test_the_table_of_events_has_all_of_them():
    from ingest.severity import Severity, event_severity
    from outbound.alerts.kinds import KNOWN_EVENTS

    table = README.partition("### What comes, and when")[2].partition("Those in **bold**")[0]
    by_rule = table.partition("| only by a rule |")[2]
    named = re.findall(r"`([A-Z_]+)`", table)
    assert sorted(named) == sorted(KNOWN_EVENTS)
    assert {event for event in named if f"**`{event}`**" in table} == {
        event for event in KNOWN_EVENTS if event_severity(event) is Severity.CRITICAL
    }
    assert set(re.findall(r"`([A-Z_]+)`", by_rule)) == {
        event for event, kind in KNOWN_EVENTS.items() if not kind.in_defaults
    }
    assert {kind.default_after_s for kind in KNOWN_EVENTS.values()} == {0}, "the text says: at once"


def test_a_restored_copy_has_the_same_rows(house, tmp_path):
    folder = house[0]
    assert "voltkeeper backup telemetry-copy.db" in COMMANDS
    done = run("voltkeeper backup telemetry-copy.db", folder)
    assert done.returncode == 0 and "complete and checked" in done.stdout, done.stderr
    (restore,) = re.findall(r"```bash\n(.*?)```", README, re.S)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/telemetry.db").write_bytes(b"a file that broke")
    (tmp_path / "data/telemetry.db-wal").write_bytes(b"its WAL")
    (tmp_path / "data/telemetry.db.secret").write_text("the key of cookies")
    (tmp_path / "data/telemetry.db.secret").chmod(0o600)
    (tmp_path / "telemetry-copy.db").write_bytes((folder / "telemetry-copy.db").read_bytes())
    (tmp_path / "config.yml").write_text("database: data/telemetry.db\n")
    done = run(restore, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "data/before/telemetry.db-wal").read_bytes() == b"its WAL"
    assert (tmp_path / "data/telemetry.db.secret").read_text() == "the key of cookies"
    copies = []
    for path in (folder / "telemetry-copy.db", tmp_path / "data/telemetry.db"):
        connection = sqlite3.connect(path)
        copies.append(list(connection.iterdump()))
        connection.close()
    assert copies[0] == copies[1] and any('INTO "messages"' in line for line in copies[0])


def test_a_gateway_on_the_command_line(house, tmp_path):
    command = next(command for command in COMMANDS if command.startswith("voltkeeper up --gateway"))
    command = re.sub(r"\d+\.\d+\.\d+\.\d+:\d+", f"127.0.0.1:{house[2].port}", command) + " --port 0"
    with running_site(tmp_path, command=["sh", "-c", f"exec {command}"], **env(tmp_path)) as url:
        wait_for_node(url, 0, house[2])
    assert (tmp_path / "data/telemetry.db").is_file()


def samples(url):
    with urllib.request.urlopen(f"{url}/telemetry/ups_samples.json?_shape=array", timeout=10) as answer:
        return json.load(answer)


@pytest.mark.parametrize(
    ("option", "fake"),
    [
        ("--nut 127.0.0.1", lambda upsd, ep20: f"--nut 127.0.0.1:{upsd.port}"),
        ("--must /dev/ttyUSB0", lambda upsd, ep20: f"--must {ep20.device}"),
    ],
)
def test_a_ups_on_the_command_line(option, fake, tmp_path):
    from ingest.demo.ups.history import live_upses

    command = next(command for command in COMMANDS if command == f"voltkeeper up {option}")
    with live_upses() as devices:
        command = command.replace(option, fake(*devices)) + " --port 0"
        with running_site(tmp_path, command=["sh", "-c", f"exec {command}"], **env(tmp_path)) as url:
            wait_until(lambda: samples(url), timeout=20, every=0.1)


def test_upsd_accepts_the_ups_conf(tmp_path):
    from tests.ingest.nut.lab import Lab

    lab = Lab({}, start=False)
    try:
        (lab.etc / "ups.conf").write_text(next(iter(re.findall(r"```ini\n(.*?)```", README, re.S))))
        lab.start_upsd()
        with lab.client() as client:
            assert client.list_ups() == {"rack": "Rack in the closet"}
    finally:
        lab.stop()


def certificate_commands():
    """Those that give upsd a certificate, in their order."""
    return [
        command.strip()
        for block in re.findall(r"```sh\n(.*?)```", README, re.S)
        if block.startswith("openssl ")
        for command in re.sub(r"\\\n\s*", "", block).strip().split("\n")
    ]


def test_the_certificate_of_an_upsd_with_nss(tmp_path):
    from ingest.config.nut import NutTls
    from ingest.nut.client import NutClient
    from tests.ingest.nut.certificates import need
    from tests.ingest.nut.lab import Lab

    need("certutil", "libnss3-tools")
    lab = Lab({"rack": "ups.status: OL\n"}, start=False)
    try:
        for command in certificate_commands():
            if "chgrp" in command and os.getuid() != 0:
                continue
            command = command.replace("sudo ", "").replace("/etc/nut", str(lab.etc))
            done = run(command.replace("nas.home", "localhost"), tmp_path)
            assert done.returncode == 0, f"{command}: {done.stderr}"
        conf = next(block for block in re.findall(r"```text\n(.*?)```", README, re.S) if "CERTPATH" in block)
        word = (tmp_path / "word").read_text().strip()
        with (lab.etc / "upsd.conf").open("a") as file:
            file.write(conf.replace("/etc/nut", str(lab.etc)).replace("WORD", word))
        lab.start_upsd()
        with NutClient("localhost", lab.port, tls=NutTls(ca=tmp_path / "nas.crt")) as client:
            assert client.list_ups() == {"rack": "Test rack"}
    finally:
        lab.stop()


def test_hash_password(tmp_path):
    done = run("voltkeeper hash-password", tmp_path, text="correct horse\n")
    assert done.returncode == 0 and done.stdout.startswith("pbkdf2_sha256$")


def test_the_outage_plan_is_right_and_its_dry_run_tells_what_would_come(tmp_path):
    from tests.outbound.plan.plan_house import PlanHouse

    (block,) = [block for block in YAML if block.startswith("plan:")]
    sources = (
        "database: house.db\nnut: [{name: closet, ups: [rack]}]\n"
        "gateways: [{name: main, tcp: '127.0.0.1:1'}]\n"
    )
    (tmp_path / "config.yml").write_text(sources + block)
    (tmp_path / "voltkeeper.env").write_text("PLAN_HOOK_URL=https://hook.example.org/secret-path\n")
    (tmp_path / "voltkeeper.env").chmod(0o600)
    house = PlanHouse(tmp_path / "house.db")
    began = house.fail()
    for _ in range(20):
        house.machine.pass_time(60)
        house.sample(80, 1900)
    house.return_()
    commands = [command for command in COMMANDS if command.startswith("voltkeeper plan --dry-run")]
    assert len(commands) == 2
    for command in commands:
        done = run(command.replace("--replay 12", f"--replay {began}"), tmp_path)
        assert done.returncode == 0, done.stderr
        lines = [line.split() for line in done.stdout.splitlines()]
        found = {
            words[-len(words) :][2]: " ".join(words[:2])
            for words in lines
            if words[1:2] == ["s"] or words[1:2] == ["min"]
        }
        assert (found["tell"], found["heater-off"], found["stop-lab"]) == ("30 s", "1 min", "15 min"), (
            done.stdout
        )
        assert "secret-path" not in done.stdout and "POST to https://hook.example.org" in done.stdout
    done = run("voltkeeper plan --dry-run --replay 99", tmp_path)
    assert (done.returncode, done.stdout) == (1, "") and "There is no outage 99" in done.stderr
    assert run("voltkeeper plan --replay 99", tmp_path).returncode == 2


def test_configuration_examples_load(tmp_path, monkeypatch):
    from ingest.config.model import load_config
    from ingest.demo.site import PASSWORD_HASH

    monkeypatch.setenv("CI_TOKEN", TOKEN)
    monkeypatch.setenv("OWNER_PASSWORD_HASH", PASSWORD_HASH)
    blocks = [
        block
        for block in re.findall(r"```yaml\n(.*?)```", README, re.S)
        if not block.startswith(("warm_rooms", "plan:"))
    ]
    path = tmp_path / "config.yml"
    monkeypatch.setenv("NUT_COMMAND_PASSWORD", "secret")
    monkeypatch.setenv("MQTT_PASSWORD", "secret")
    # It extends sections of another block, so it is loaded separately.
    (orders,) = [block for block in blocks if "command_username" in block]
    path.write_text(orders)
    config = load_config(path)
    assert (
        config.ups["rack@closet"].settings == ("battery.charge.low",)
        and config.nut[0].command_username == "operator"
    )
    (encrypted,) = [block for block in blocks if "tls: {" in block]
    path.write_text(encrypted)
    assert load_config(path).nut[0].tls.ca == tmp_path / "certs/nas.crt"
    (corrected,) = [block for block in blocks if "record:" in block]
    path.write_text("nut: [{name: closet, host: 127.0.0.1}]\n" + corrected)
    config = load_config(path)
    assert config.variables_of("rack@closet")["battery.voltage"].scale == 0.15
    assert config.ups["rack@closet"].record and config.variables["ups.vendorid"].hide
    phone, mail, rules, reports = (block for block in blocks if "alerts:" in block or "reports:" in block)
    monkeypatch.setenv("ALERT_PHONE_URL", "ntfy://topic")
    monkeypatch.setenv("MAIL_PASSWORD", "secret")
    monkeypatch.setenv("HEARTBEAT_URL", "https://hc.example.org/1")
    path.write_text(phone)
    assert [target.name for target in load_config(path).alerts.targets] == ["phone"]
    sources = (
        "nut: [{name: closet, ups: [rack]}]\ngateways: [{name: main, tcp: '127.0.0.1:1'}]\n"
        "ups: {rack@closet: {commands: [test.battery.start.quick]}}\n"
    )
    path.write_text(mail.partition("alerts:")[0] + rules + reports + sources)
    config = load_config(path)
    assert config.mail.host and len(config.alerts.rules) == 3 and config.alerts.heartbeat
    assert len(config.thresholds) == 2 and len(config.reports) == 2 and config.schedule
    path.write_text(mail)
    assert load_config(path).alerts.targets[1].mail
    (by_mqtt,) = [block for block in blocks if "subscribe:" in block]
    monkeypatch.setenv("MQTT_PASSWORD", "secret")
    path.write_text(by_mqtt)
    assert load_config(path).gateways[0].address == "mqtt broker mygateway1-out"
    apart = (by_mqtt, orders, encrypted, corrected, phone, mail, rules, reports)
    path.write_text("".join(block for block in blocks if block not in apart))
    config = load_config(path)
    assert [gateway.name for gateway in config.gateways] == ["main", "shed"]
    assert config.access.people[0].may and config.access.tokens[0].may
    assert [server.name for server in config.nut] == ["closet", "nas"]
    assert config.must[0].name == "garage" and config.ups["rack@closet"].label == "Rack" and config.energy
    assert config.publish.prefix == "voltkeeper" and config.broker(config.publish.mqtt).username


def test_the_example_of_a_canned_query_has_the_keys_of_metadata():
    block = next(
        block for block in re.findall(r"```yaml\n(.*?)```", README, re.S) if block.startswith("warm_rooms")
    )
    assert set(yaml.safe_load(block)["warm_rooms"]) == {"title", "sql", "fragment"}


def test_every_file_that_the_readme_names_exists():
    names = set(
        re.findall(r"`((?:voltkeeper|plugins|reporting|ingest|ota|tests|templates)/[\w./]*)`", README)
    )
    topics = {name for name in names if re.match("voltkeeper/(status|ups|node|gateway|event)", name)}
    assert len(names) > 25 and topics
    assert [name for name in names - topics if not (ROOT / name).exists()] == []
    for command in re.findall(r"pytest (\S+)", README):
        assert (ROOT / command).is_file()


def test_the_clone_has_the_two_commands(tmp_path):
    command = next(command for command in COMMANDS if command.startswith("git clone"))
    source = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--git-dir"], capture_output=True, text=True, check=False
    )
    if source.returncode:
        pytest.skip("this is no checkout")
    done = run(command.replace("REPOSITORY", f"-q --shared '{ROOT}'") + " && ls script", tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"server", "test", "bootstrap"} <= set(done.stdout.split())


def test_what_apt_installs_is_what_bootstrap_asks_for():
    command = next(command for command in COMMANDS if command.startswith("sudo apt install git"))
    bootstrap = (ROOT / "script/bootstrap").read_text()
    asked = {
        name for found in re.findall(r"sudo apt install ([\w. -]+)\)", bootstrap) for name in found.split()
    }
    assert asked and asked <= set(command.split()[3:])


def test_setup_as_a_script_runs_it(tmp_path):
    command = next(command for command in COMMANDS if command.startswith("voltkeeper setup --yes"))
    hosts = iter(("127.0.0.1:1", "127.0.0.1:2"))
    command = re.sub(r"\d+\.\d+\.\d+\.\d+", lambda found: next(hosts), command)
    done = run(f"{command} --no-search", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 sources" in done.stdout and (tmp_path / "voltkeeper.env").stat().st_mode & 0o777 == 0o600


def test_every_link_within_the_readme_leads_somewhere():
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", README, re.M)
    }
    assert [link for link in re.findall(r"\]\(#([^)]+)\)", README) if link not in headings] == []
