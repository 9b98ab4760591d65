"""Stand-ins for the commands of deploy/README.md that need a real machine: each checks its arguments.

Run like this: `machine.py systemctl start voltkeeper-backup`, with the folder that stands for / in MACHINE.
Unknown arguments end with a message and exit code 9.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MACHINE = Path(os.environ.get("MACHINE", "/"))
UNITS = MACHINE / "etc/systemd/system"
COMPOSE = ["compose", "-f", "deploy/compose.yml"]


def sudo(*command):
    return subprocess.run(command).returncode


def id(option):
    """The user id of root, as under sudo; the name of a group is the real one."""
    return print(0) or True if option == "-u" else sudo("/usr/bin/id", option)


def apt(verb, *packages):
    return verb == "install" and all(
        package.replace("-", "").replace(".", "").isalnum() for package in packages
    )


def useradd(*words):
    (MACHINE / "useradd").write_text(" ".join(words))
    return True


def install(*words):
    """The real command, without owners that do not exist here."""
    owners = {at + more for at, word in enumerate(words) if word in ("-o", "-g") for more in (0, 1)}
    return sudo("/usr/bin/install", *(word for at, word in enumerate(words) if at not in owners))


def git(verb, *words):
    if verb == "clone":
        source, folder = words
        for name in ("deploy", "script", "config.example.yml"):
            Path(folder).mkdir(exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, Path(folder, name), ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, Path(folder, name))
        for path in Path(folder, "deploy").rglob("*"):
            if path.is_file():
                path.write_text(here(path.read_text()))
        # The real script is run by tests/ops/test_scripts.py and tests/deploy/test_container.py.
        Path(folder, "script/bootstrap").write_text(
            '#!/bin/sh\ncd "$(dirname "$0")/.."; mkdir -p .venv/bin; cp "$MACHINE/voltkeeper" .venv/bin/\n'
        )
        return source == "REPOSITORY"
    return verb == "pull" and not words and Path("script/bootstrap").is_file()


def here(text, machine=MACHINE):
    """Text with the paths of a machine below the folder that stands for it."""
    return re.sub(r"(?<![\w.$}])/(?=(opt|etc|mnt|usr/local|var/lib)/)", f"{machine}/", text)


def systemctl(verb, *words):
    words = [word for word in words if word != "--now"]
    if verb == "daemon-reload":
        return not words
    if verb == "status":
        return all(any(fnmatch(unit.name, word) for unit in UNITS.iterdir()) for word in words)
    if words == ["systemd-time-wait-sync"]:  # of systemd itself
        return verb == "enable" and (UNITS / "systemd-time-wait-sync.service.d/limit.conf").is_file()
    units = [UNITS / (word if "." in word else f"{word}.service") for word in words]
    if not all(unit.is_file() for unit in units):
        return False
    if verb == "enable":
        return all("[Install]" in unit.read_text() for unit in units)
    if verb == "start":
        return all("Type=oneshot" not in unit.read_text() or run_once(unit.read_text()) for unit in units)
    return verb in ("stop", "try-restart")


def run_once(unit):
    settings = dict(
        line.split("=", 1) for line in unit.splitlines() if "=" in line and not line.startswith("#")
    )
    return start(shlex.split(settings["ExecStart"]), settings, settings["Environment"]) == 0


def start(command, settings, *more):
    """Run a command with the environment that systemd gives it. Returns its exit code."""
    secrets = Path(settings["EnvironmentFile"].lstrip("-")).read_text()
    environment = dict(pair.split("=", 1) for text in (secrets, *more) for pair in shlex.split(text))
    return subprocess.run(
        command, env=os.environ | environment, cwd=settings["WorkingDirectory"].lstrip("-")
    ).returncode


def journalctl(option, unit, *more):
    return option == "-u" and (UNITS / f"{unit}.service").is_file() and more in ((), ("-f",))


def systemd_run(*words):
    """Run the command with its environment; exit code 1 is accepted, because no gateway exists."""
    at = next(at for at, word in enumerate(words) if not word.startswith("--"))
    options = dict(word[2:].removeprefix("property=").partition("=")[::2] for word in words[:at])
    return start(words[at:], options, options["setenv"]) in (0, 1)


def supervisorctl(verb):
    return verb in ("update", "status") and (MACHINE / "etc/supervisor/conf.d/voltkeeper.conf").is_file()


def docker(*words):
    assert [*words[:3]] == COMPOSE and Path(words[2]).is_file(), words
    match words[3:]:
        case ("up", "-d") | ("up", "-d", "--build") | ("ps",) | ("logs", "-f"):
            return True
        case ("exec", "voltkeeper", *command):
            environment = os.environ | {"PATH": f"{Path.cwd()}/.venv/bin"}
            return subprocess.run(command, cwd="house", env=environment).returncode in (0, 1)
    return False


if __name__ == "__main__":
    name, *words = sys.argv[1:]
    done = globals()[name.replace("-", "_")](*words)
    if done is False:
        print(f"unknown command: {name} {shlex.join(words)}", file=sys.stderr)
    sys.exit({True: 0, False: 9}.get(done, done) if isinstance(done, bool) else done)
