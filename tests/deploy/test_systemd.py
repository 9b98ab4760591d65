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

from plugins.web.app.connections import ClientLimits
from voltkeeper.cli import main

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy/systemd").iterdir())
ANALYZE = shutil.which("systemd-analyze")
EXPOSURE = {
    "voltkeeper-ingest": 25,
    "voltkeeper-web": 20,
    "voltkeeper-outbound": 20,
    "voltkeeper-plan": 20,
    "voltkeeper-failed@": 20,
    "voltkeeper-backup": 15,
    "voltkeeper-prune": 15,
}  # 100 is a service without any restriction

LASTING = ("voltkeeper-ingest", "voltkeeper-web", "voltkeeper-outbound", "voltkeeper-plan")
CLOCK = {"adjtimex", "clock_adjtime", "clock_adjtime64"}  # what adjtimex(2) is, by C library

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


def read(name, section="Service"):
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(ROOT / "deploy/systemd" / name)
    return parser[section]


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


@pytest.mark.parametrize("name", LASTING)
def test_a_service_that_hangs_is_restarted_and_one_with_a_wrong_config_is_not(name):
    service = read(f"{name}.service")
    assert (service["Type"], service["Restart"], service["RestartPreventExitStatus"]) == (
        "notify",
        "always",
        "2",
    )
    # A locked file is waited for 15 s, and retried after 2 s.
    assert int(service["WatchdogSec"]) / 2 > 30
    assert (service["User"], service["StateDirectory"]) == ("voltkeeper", "voltkeeper")
    assert set(service["RestrictAddressFamilies"].split()) == {"AF_UNIX", "AF_INET", "AF_INET6"}


@pytest.mark.parametrize("name", LASTING)
def test_a_service_that_ends_again_and_again_is_reported(name):
    unit = read(f"{name}.service", "Unit")
    assert unit["OnFailure"] == "voltkeeper-failed@%n.service"
    # With Restart=always and no limit a service never fails; the limit is for nobody who restarts it by hand.
    assert (unit["StartLimitIntervalSec"], unit["StartLimitBurst"]) == ("20min", "5")
    failed = read("voltkeeper-failed@.service")
    command, *arguments = shlex.split(failed["ExecStartPre"].removeprefix("-"))
    assert command == shlex.split(read(f"{name}.service")["ExecStart"])[0]
    assert arguments[0] == "outbound" and arguments[-2:] == ["--report-death", "%i"]
    assert {option for param in main.commands["outbound"].params for option in param.opts} > {
        word for word in arguments if word.startswith("--")
    }
    assert failed["EnvironmentFile"] == read(f"{name}.service")["EnvironmentFile"]


@pytest.mark.parametrize(
    ("status", "calls"),
    [("1", ["sleep 60", "systemctl reset-failed x", "systemctl --no-block start x"]), ("2", [])],
)
def test_a_service_that_was_reported_is_started_again_unless_its_config_is_wrong(tmp_path, status, calls):
    # systemd gives MONITOR_EXIT_STATUS to ExecStartPre= and ExecStart=, not to ExecStartPost=.
    shell, option, script = shlex.split(read("voltkeeper-failed@.service")["ExecStart"].removeprefix("+"))
    for name in ("sleep", "systemctl"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/calls\n')
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": str(tmp_path), "MONITOR_EXIT_STATUS": status}
    subprocess.run([shell, option, script.replace("%i", "x")], env=environment, check=True, timeout=10)
    log = tmp_path / "calls"
    assert (log.read_text().splitlines() if log.exists() else []) == calls


@pytest.mark.parametrize("name", EXPOSURE)
def test_a_service_has_limits_that_a_small_pi_can_bear(name):
    service = read(f"{name}.service")
    assert (
        int(service["MemoryMax"].removesuffix("M")) <= 400
    )  # MB; together less than the 1 GB of the machine
    assert int(service["TasksMax"]) <= 128 and int(service["LimitNOFILE"]) <= 2048


def test_the_site_may_open_more_files_than_it_has_connections():
    limits = ClientLimits()
    # Each connection may read a static file; SQLite opens 3 files in each of 8 threads.
    assert int(read("voltkeeper-web.service")["LimitNOFILE"]) >= 2 * limits.total + 100


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


@pytest.mark.parametrize("name", [*LASTING, "voltkeeper-prune"])
def test_a_service_may_ask_whether_ntp_sets_the_clock_and_not_set_it(name):
    lines = (ROOT / f"deploy/systemd/{name}.service").read_text().splitlines()
    filters = [line.partition("=")[2] for line in lines if line.startswith("SystemCallFilter=")]
    assert set(filters[-1].split()) == CLOCK  # the last one counts
    service = read(f"{name}.service")
    assert (service["ProtectClock"], service["CapabilityBoundingSet"]) == ("no", "")


@pytest.mark.parametrize("name", LASTING)
def test_a_service_sees_in_which_boot_it_is(name):
    # ProcSubset=pid has no /proc/sys/kernel/random/boot_id, by which outages across a boot are known, and
    # no /proc/locks, which tells who holds the database.
    assert "ProcSubset" not in read(f"{name}.service")


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
    allowed = calls("@system-service", sets.stdout) | CLOCK
    forbidden = (calls("@privileged", sets.stdout) | calls("@resources", sets.stdout)) - CLOCK
    port = free_port()
    write_config(
        f"database: house.db\nweb: {{port: {port}}}\ngateways: [{{name: main, tcp: '127.0.0.1:1'}}]\n"
        "alerts: {targets: [{name: phone, url: 'json://127.0.0.1:1'}, {name: log, command: ['true']}]}\n"
        "nut: [{name: closet, host: 127.0.0.1, port: 2, ups: [rack]}]\n"
        "plan: [{name: rack, ups: [rack@closet], on_battery: [{name: a, after_s: 0, run: ['true']}]}]\n"
    )
    used = set()
    programs = {
        "ingest": "refused",
        "web": "the site is at",
        "outbound": "Sending to",
        "plan": "Outage plans:",
    }
    for name, sign in programs.items():
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
