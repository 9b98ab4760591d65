"""Every command of deploy/README.md is run, in a folder that stands for a machine.

Commands change files below that folder only; those that need a real machine (systemctl, docker ...) are
replaced by machine.py. The PATH has nothing else, so an unknown command fails.
"""

import json
import re
import shutil
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from ingest.config.model import load_config
from ingest.db.connection import connect
from ingest.demo.site import PASSWORD_HASH
from ingest.schema.migrate import migrate
from tests.deploy.machine import here
from voltkeeper.cli import main

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "deploy/README.md").read_text()
REAL = "cat chmod cp find dirname ln ls date mkdir mv rm sed sh sort tail".split()
STAND_INS = "apt docker git id install journalctl sudo supervisorctl systemctl systemd-run useradd".split()
DATA = "var/lib/voltkeeper"


def blocks(kind):
    """(section, text) of the blocks of a kind, in order."""
    found = []
    for section in README.split("\n## ")[1:]:
        for text in re.findall(rf"^ *```{kind}\n(.*?)^ *```", section, re.S | re.M):
            found.append((section.partition("\n")[0], textwrap.dedent(text)))
    return found


def commands(section):
    return [text for title, text in blocks("console") if title == section]


class Machines:
    """The folder that stands for /, in states that are made once; its path, which files name, is one."""

    def __init__(self, folder):
        self.folder, self._kept = folder / "machine", folder

    def take(self, state, make):
        """Give the folder this state, for which `make(folder)` is called the first time."""
        kept = self._kept / state
        if not kept.exists():
            make(self.folder)
            shutil.copytree(self.folder, kept, symlinks=True)
            return
        shutil.rmtree(self.folder)
        shutil.copytree(kept, self.folder, symlinks=True)


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    return Machines(tmp_path_factory.mktemp("machines"))


@pytest.fixture
def machine(machines, monkeypatch):
    """The folder that stands for /, with the commands of a Debian."""
    monkeypatch.setenv("MACHINE", str(machines.folder))
    machines.take("new", make_machine)
    return machines.folder


def make_machine(folder):
    for name in ("bin", "etc/systemd/system", "etc/supervisor/conf.d", "opt", "var/lib", "usr/local/bin"):
        (folder / name).mkdir(parents=True)
    for name in REAL:
        (folder / "bin" / name).symlink_to(shutil.which(name))
    for name in STAND_INS:
        script(folder / "bin" / name, f"{sys.executable} {Path(__file__).with_name('machine.py')} {name}")
    script(folder / "voltkeeper", f"{sys.executable} -m voltkeeper")  # what script/bootstrap makes


def script(path, command):
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o755)


def run(text, machine, folder="."):
    """Run a block as if pasted into a shell; fails at the first command that fails."""
    environment = {
        "PATH": f"{machine}/bin:{machine}/usr/local/bin",
        "MACHINE": str(machine),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        ["/bin/sh", "-euxc", here(text, machine)],
        cwd=machine / folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def installed(machine, machines):
    """A machine after the first block, with the config and secrets that the text asks for."""
    machines.take("installed", install)
    return machine


@pytest.fixture
def started(installed, machines):
    """An installed machine after the block that starts its services."""
    machines.take("started", lambda folder: run(commands("systemd")[1], folder))
    return installed


def install(machine):
    run(commands("systemd")[0], machine)
    config = machine / "etc/voltkeeper/config.yml"
    assert load_config(config).database == machine / DATA / "telemetry.db"
    assert config.stat().st_mode & 0o777 == 0o640
    people = "people: [{name: owner, password_hash: {$env: OWNER_PASSWORD_HASH}, may: [edit]}]"
    config.write_text(
        config.read_text().replace("192.168.1.20:5003", "127.0.0.1:1").replace("people: []", people)
    )
    (machine / "etc/voltkeeper/secrets.env").write_text(f"OWNER_PASSWORD_HASH='{PASSWORD_HASH}'\n")


@pytest.fixture
def in_use(started):
    """A started machine whose database is open for writing: (machine, write)."""
    migrate(started / DATA / "telemetry.db")
    (started / DATA / "telemetry.db.secret").write_text("the key of cookies")
    with closing(connect(started / DATA / "telemetry.db")) as connection:

        def write(text):
            connection.execute(
                "insert into events (event, detail, started_at) values ('TEST', ?, '2026-11-20')", (text,)
            )

        yield started, write


def read(database):
    with closing(connect(database)) as connection:
        rows = connection.execute("select detail from events where event = 'TEST' order by id")
        return [detail for (detail,) in rows]


def test_every_block_is_covered_by_a_test():
    assert set(re.findall(r"^ *```(\w+)$", README, re.M)) == {"console", "ini", "js", "yaml"}
    sections = [title for title, _ in blocks("console")]
    assert sections == [
        *["systemd"] * 6,
        "supervisor",
        *["Containers"] * 3,
        "Backup and restore",
        *["Update"] * 2,
    ]


def test_an_unknown_command_fails(started):
    for command in (
        "frobnicate",
        "sudo systemctl mask voltkeeper-web",
        "sudo systemctl try-restart voltkeeper",
        "journalctl -u voltkeeper",
        "docker compose -f deploy/compose.yml down -v",
    ):
        with pytest.raises(AssertionError, match=r"not found|unknown command"):
            run(command, started, "opt/voltkeeper")


def test_systemd(installed):
    added = (installed / "useradd").read_text()
    for unit in (installed / "opt/voltkeeper/deploy/systemd").glob("*.service"):
        assert f"\nUser={added.split()[-1]}\n" in unit.read_text()
    assert "--groups dialout" in added
    output = run(commands("systemd")[1], installed)
    assert "ok      config: " in output and "ok      secrets: all come from the environment" in output
    assert "ingest   does not run" in output


def test_alerts_are_one_more_service(started):
    config = started / "etc/voltkeeper/config.yml"
    received = started / "received.json"
    target = f"alerts:\n  targets: [{{name: log, command: [/usr/bin/tee, {received}]}}]\n"
    config.write_text(re.sub(r"^alerts:\n(?:  .*\n|\n)*", target, config.read_text(), flags=re.M))
    output = run(commands("systemd")[2], started)
    assert re.search(r"ok +.*log.*", output), output
    assert json.loads(received.read_text())["kind"] == "test"


def test_an_outage_plan_is_one_more_service(started):
    run(commands("systemd")[3], started)


def test_ingest_waits_for_ntp_with_a_limit(started):
    run(commands("systemd")[5], started)
    limit = (started / "etc/systemd/system/systemd-time-wait-sync.service.d/limit.conf").read_text()
    assert "[Service]\nTimeoutStartSec=30\n" in limit
    assert "time-sync.target" in (ROOT / "deploy/systemd/voltkeeper-ingest.service").read_text()


def test_without_the_site_timers_run_the_maintenance(in_use):
    machine, _ = in_use
    run(commands("systemd")[4], machine)
    run("sudo systemctl start voltkeeper-prune", machine)
    with closing(connect(machine / DATA / "telemetry.db")) as connection:
        assert connection.execute("select state from retention_runs").fetchall() == [("done",)]


def test_supervisor(installed):
    run(commands("supervisor")[0], installed)


def test_containers(machine):
    run("git clone REPOSITORY /opt/voltkeeper\n/opt/voltkeeper/script/bootstrap", machine)
    prepare, begin, serial = commands("Containers")
    run(prepare, machine, "opt/voltkeeper")
    config = machine / "opt/voltkeeper/house/config.yml"
    config.write_text(config.read_text().replace("192.168.1.20:5003", "127.0.0.1:1"))
    assert "ok      config: config.yml is understood" in run(begin, machine, "opt/voltkeeper")
    run(serial, machine, "opt/voltkeeper")
    variable = (machine / "opt/voltkeeper/deploy/.env").read_text().partition("=")[0]
    assert f"${{{variable}:-" in (ROOT / "deploy/compose.yml").read_text()


def test_a_copy_is_restored_and_nothing_is_lost(in_use):
    machine, write = in_use
    write("before the copy")
    run("sudo systemctl start voltkeeper-backup", machine)
    (copy,) = (machine / DATA / "backups").iterdir()
    (restore,) = commands("Backup and restore")
    copy.rename(copy.with_name(re.search(r"backups/(\S+)", restore)[1]))
    write("after it")
    run(restore, machine)
    assert (machine / DATA / "telemetry.db.secret").read_text() == "the key of cookies"
    assert read(machine / DATA / "telemetry.db") == ["before the copy"]
    assert read(machine / DATA / "before/telemetry.db") == ["before the copy", "after it"]


def test_an_update_installs_the_new_units(in_use):
    machine, _ = in_use
    services, containers = commands("Update")
    unit = machine / "etc/systemd/system/voltkeeper-web.service"
    unit.write_text("[Service]\n# of an older version")
    run(services, machine)
    assert "ExecStart=" in unit.read_text()
    assert len(list((machine / DATA / "backups").iterdir())) == 1
    run(containers, machine, "opt/voltkeeper")


@pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="no systemd-analyze on this machine: apt install systemd"
)
def test_systemd_accepts_the_unit_that_a_step_starts_as_root(started):
    unit = started / "etc/systemd/system/stop-lab.service"
    unit.write_text(blocks("ini")[0][1].replace("/usr/local/sbin/stop-lab", shutil.which("true")))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_rule_of_polkit_lets_the_services_user_start_that_unit_alone():
    ((_, rule),) = blocks("js")
    (step,) = re.findall(r"`run: \[(systemctl, .*)\]`", README)
    assert [name for name in ("systemctl", "start", "stop-lab.service") if name not in step] == []
    conditions = dict(re.findall(r'(action\.id|subject\.user|lookup\("\w+"\))\)? == "([^"]+)"', rule))
    assert conditions == {
        "action.id": "org.freedesktop.systemd1.manage-units",
        "subject.user": "voltkeeper",
        'lookup("unit")': "stop-lab.service",
        'lookup("verb")': "start",
    }
    assert rule.count("polkit.Result.YES") == 1 and rule.count("&&") == 3


@pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="no systemd-analyze on this machine: apt install systemd"
)
def test_systemd_accepts_the_override_for_another_disk(started):
    text = blocks("ini")[-1][1]
    unit = started / "etc/systemd/system/voltkeeper-backup.service"
    unit.with_name("voltkeeper-backup.service.d").mkdir()
    for more, good in (("", True), ("Nonsense=1\n", False)):
        unit.with_name("voltkeeper-backup.service.d").joinpath("override.conf").write_text(
            here(text, started) + more
        )
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60
        )
        assert (done.stderr == "") is good, done.stderr


def test_the_example_of_a_config_loads(tmp_path, monkeypatch):
    monkeypatch.setenv("OWNER_PASSWORD_HASH", PASSWORD_HASH)
    ((_, text),) = blocks("yaml")
    (tmp_path / "config.yml").write_text(text)
    assert load_config(tmp_path / "config.yml").access.read == "signed-in"


def test_what_the_text_names_exists():
    named = re.findall(r"`(?:sudo )?voltkeeper ([a-z-]+)`", README)
    assert named and set(named) <= set(main.commands)
    for unit in re.findall(
        r"voltkeeper-(?:ingest|web|outbound|backup|prune|failed@)(?:\.(?!conf)\w+)?", README
    ):
        assert (ROOT / "deploy/systemd" / (unit if "." in unit else f"{unit}.service")).is_file(), unit
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / "deploy" / link).exists(), link
