"""The units: systemd's own checks, and access to serial ports, the network and the watchdog."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy/systemd").iterdir())
ANALYZE = shutil.which("systemd-analyze")
EXPOSURE = {
    "voltkeeper-ingest": 25,
    "voltkeeper-web": 20,
    "voltkeeper-backup": 15,
    "voltkeeper-prune": 15,
}  # 100 is a service without any restriction

if ANALYZE is None and os.environ.get("CI"):
    pytest.fail("CI has to install systemd", pytrace=False)
with_systemd = pytest.mark.skipif(
    ANALYZE is None, reason="no systemd-analyze on this machine: apt install systemd"
)


@pytest.fixture
def units(tmp_path):
    """The units in a folder, adapted to programs in another folder than /opt/voltkeeper."""
    home = tmp_path / "opt"
    (home / ".venv/bin").mkdir(parents=True)
    (home / ".venv/bin/voltkeeper").symlink_to(shutil.which("true"))
    shutil.copytree(ROOT / "deploy", home / "deploy")
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("=/opt/voltkeeper", f"={home}"))
    return [tmp_path / unit.name for unit in UNITS]


def analyze(*arguments):
    return subprocess.run([ANALYZE, *map(str, arguments)], capture_output=True, text=True, timeout=60)


@with_systemd
def test_systemd_finds_no_fault(units):
    done = analyze("verify", "--man=no", *units)
    assert (done.returncode, done.stderr) == (0, "")


@with_systemd
def test_systemd_would_find_a_fault(units):
    units[0].write_text(units[0].read_text() + "\n[Service]\nProtectSytem=strict\n")
    assert "ProtectSytem" in analyze("verify", "--man=no", units[0]).stderr


@with_systemd
@pytest.mark.parametrize("name", EXPOSURE)
def test_a_service_has_a_low_exposure(name, units):
    unit = next(unit for unit in units if unit.stem == name and unit.suffix == ".service")
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE[name]}", unit)
    if "unrecognized option" in done.stderr or "Unknown" in done.stderr:
        pytest.skip("this systemd-analyze has no --offline")
    assert done.returncode == 0, done.stdout + done.stderr


def read(name):
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(ROOT / "deploy/systemd" / name)
    return parser["Service"]


def test_ingest_may_open_serial_ports_that_are_plugged_in_later():
    service = read("voltkeeper-ingest.service")
    assert service["SupplementaryGroups"] == "dialout"
    # ProtectClock and DeviceAllow admit only devices that exist at the start; PrivateDevices hides all.
    assert (service["PrivateDevices"], service["ProtectClock"], service["DevicePolicy"]) == (
        "no",
        "no",
        "auto",
    )
    assert "DeviceAllow" not in service


@pytest.mark.parametrize("name", ["voltkeeper-ingest.service", "voltkeeper-web.service"])
def test_a_service_that_hangs_is_restarted_and_one_with_a_wrong_config_is_not(name):
    service = read(name)
    assert (service["Type"], service["Restart"], service["RestartPreventExitStatus"]) == (
        "notify",
        "always",
        "2",
    )
    # A locked file is waited for 15 s, and retried after 2 s.
    assert int(service["WatchdogSec"]) / 2 > 30
    assert (service["User"], service["StateDirectory"]) == ("voltkeeper", "voltkeeper")
    assert set(service["RestrictAddressFamilies"].split()) == {"AF_UNIX", "AF_INET", "AF_INET6"}


def test_a_manual_command_runs_as_the_services():
    *options, command, _ = shlex.split(
        (ROOT / "deploy/voltkeeper").read_text().partition("exec systemd-run")[2]
    )
    settings = dict(word[2:].removeprefix("property=").partition("=")[::2] for word in options)
    service = read("voltkeeper-ingest.service")
    assert (settings["uid"], settings["gid"]) == (service["User"], service["Group"])
    assert settings["SupplementaryGroups"] == service["SupplementaryGroups"]
    assert settings["EnvironmentFile"] == service["EnvironmentFile"]
    config = settings["setenv"].removeprefix("VOLTKEEPER_CONFIG=")
    assert service["ExecStart"] == f"{command} ingest --config {config}"
    if run := shutil.which("systemd-run"):
        known = subprocess.run([run, "--help"], capture_output=True, text=True).stdout
        assert all(word.partition("=")[0] in known for word in options)


def contains(program, text):
    return text in program.text


def can_trace():
    """False without strace, and in a container that does not permit it."""
    return (
        bool(shutil.which("strace"))
        and subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not can_trace(), reason="no strace on this machine, or it is not permitted")
@with_systemd
def test_the_programs_make_no_system_call_that_the_units_forbid(
    tmp_path, write_config, start, wait_for, free_port
):
    sets = analyze("syscall-filter")
    allowed = calls("@system-service", sets.stdout)
    forbidden = calls("@privileged", sets.stdout) | calls("@resources", sets.stdout)
    port = free_port()
    write_config(f"database: house.db\nweb: {{port: {port}}}\ngateways: [{{name: main, tcp: '127.0.0.1:1'}}]")
    used = set()
    for name, sign in (("ingest", "refused"), ("web", "the site is at")):
        trace = tmp_path / f"{name}.trace"
        program = start(
            "strace",
            "-f",
            "-qq",
            "-e",
            "signal=none",
            "-o",
            trace,
            os.sys.executable,
            "-m",
            "voltkeeper",
            name,
        )
        wait_for(partial(contains, program, sign), timeout=40)
        for pid in program.family():
            if pid != program.pid:
                os.kill(pid, 15)
        assert program.wait(30) == 0, program.text
        used |= set(re.findall(r"^\d+ +([a-z_0-9]+)\(", trace.read_text(errors="replace"), re.M))
    assert len(used) > 40
    assert used - allowed == set()
    # SQLite, and only as root; the unit of the site sets its priority itself.
    assert used & forbidden <= {"chown", "fchown", "setpriority"}
    assert "Nice=10" in (ROOT / "deploy/systemd/voltkeeper-web.service").read_text()


def calls(name, text):
    """The system calls of a set and of the sets in it."""
    block = f"\n{text}".partition(f"\n{name}\n")[2].partition("\n\n")[0]
    words = [line.strip() for line in block.splitlines() if line.strip() and not line.strip().startswith("#")]
    found = {word for word in words if not word.startswith("@")}
    for word in words:
        if word.startswith("@") and word != name:
            found |= calls(word, text)
    return found
