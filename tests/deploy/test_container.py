"""Dockerfile and compose.yml without a Docker engine.

The steps of the Dockerfile are run in a folder; then its CMD is started there and checked by its HEALTHCHECK.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tests.helpers.demo_gateway import running_gateway

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yml").read_text())
NUT = shutil.which("upsd", path="/lib/nut")


def steps(path):
    """(instruction, arguments) of a Dockerfile, in order."""
    text = re.sub(r"\\\n", " ", path.read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


DOCKERFILE = steps(ROOT / "deploy/Dockerfile")
NUT_DOCKERFILE = steps(ROOT / "deploy/nut/Dockerfile")
LEFT_OUT = (ROOT / ".dockerignore").read_text().split()


def value(instruction, dockerfile=DOCKERFILE):
    return next(arguments for name, arguments in reversed(dockerfile) if name == instruction)


def is_left_out(path):
    """Whether .dockerignore excludes the path: a pattern is for the top folder, with **/ for all."""
    top, *below = path.split("/")
    return any(
        any(fnmatch.fnmatch(part, one[3:]) for part in (top, *below))
        if one.startswith("**/")
        else fnmatch.fnmatch(top, one)
        for one in LEFT_OUT
    )


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A folder that stands for the image's root, after the steps of the Dockerfile."""
    root = tmp_path_factory.mktemp("image")
    environment = {
        "PATH": f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin",
        "HOME": os.environ.get("HOME", "/"),
    }
    folder = root
    for instruction, arguments in DOCKERFILE:
        if instruction == "ENV":
            environment |= dict(pair.split("=", 1) for pair in shlex.split(arguments))
            environment.pop("PIP_NO_CACHE_DIR", None)  # use the cached wheels of earlier runs
        elif instruction == "WORKDIR":
            folder = root / arguments.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
        elif instruction == "COPY":
            assert arguments == ". ."
            for path in subprocess.check_output(
                ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True
            ).splitlines():
                if not is_left_out(path) and (ROOT / path).is_file():
                    (folder / path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(ROOT / path, folder / path)
        elif instruction == "RUN":
            command = re.sub(r"(?<![\w.])/(?=data|opt)", f"{root}/", arguments)
            if os.geteuid() != 0:
                command = command.replace("-o 10001 -g 10001", "")
            done = subprocess.run(
                ["sh", "-c", command],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=400,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    return root


def command_of(arguments, root):
    """The words of a CMD, in the folder that stands for the image's root."""
    return [re.sub(r"^/(?=data|opt)", f"{root}/", word) for word in json.loads(arguments)]


def test_the_image_runs_and_is_healthy(image, start, wait_for, free_port):
    port = free_port()
    with running_gateway(port=0, boot=True) as gateway:
        (image / "data/config.yml").write_text(
            f"title: Hill house\ndatabase: telemetry.db\nweb: {{host: 0.0.0.0, port: {port}}}\n"
            f"gateways: [{{name: main, tcp: '127.0.0.1:{gateway.port}'}}]\n"
        )
        path = shlex.split(value("ENV"))[0].removeprefix("PATH=").replace("/opt", f"{image}/opt", 1)
        assert shutil.which("voltkeeper", path=path), (
            "`docker compose exec voltkeeper voltkeeper check` finds no command"
        )
        check = command_of(value("HEALTHCHECK").partition("CMD ")[2], image)
        assert Path(check[1]).is_file()
        check += [image / "data/config.yml"]

        def health(code):
            done = subprocess.run(check, cwd=image / "data", capture_output=True, text=True, timeout=30)
            return done.stdout.strip() if done.returncode == code else ""

        assert health(1) == f"the site does not answer at http://127.0.0.1:{port}/"
        program = start(*command_of(value("CMD"), image), PYTHONPATH="")
        assert wait_for(lambda: health(0), timeout=60, every=0.5) == "healthy"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            assert "Hill house" in answer.read().decode()
        site = [pid for pid in program.family() if b"\0web\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(site[0], 19)
        assert "does not answer" in wait_for(lambda: health(1), timeout=20, every=0.5)
        os.kill(site[0], 18)
        assert program.end() == 0
    assert (image / "data/telemetry.db").is_file()


def test_the_check_of_an_image_finds_it_healthy(image):
    python = image / "opt/voltkeeper/.venv/bin/python"
    check = [python, image / "opt/voltkeeper/deploy/check_image.py"]
    done = subprocess.run(check, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "healthy, and an import is stored" in done.stdout, done.stderr
    (python.parent / "voltkeeper").rename(python.parent / "gone")
    try:
        done = subprocess.run(check, capture_output=True, text=True, timeout=120)
        assert done.returncode == 1 and "No such file" in done.stderr
    finally:
        (python.parent / "gone").rename(python.parent / "voltkeeper")


def test_nothing_private_gets_into_the_image(image):
    inside = {
        str(path.relative_to(image / "opt/voltkeeper")) for path in (image / "opt/voltkeeper").iterdir()
    }
    assert {"voltkeeper", "ingest", "plugins", "templates", "static", "metadata.yml", "deploy"} <= inside
    for private in (
        "config.yml",
        ".env",
        "data/telemetry.db",
        "house/secrets.env",
        "tests/conftest.py",
        "benchmarks/soak.py",
        ".git/config",
        "x/house.db-wal",
    ):
        assert is_left_out(private), private
    assert not is_left_out("ingest/daemon.py") and not is_left_out("config.example.yml")


def test_the_image_does_not_run_as_root():
    assert value("USER") == "10001:10001"
    names = [name for name, _ in DOCKERFILE]
    assert names.index("USER") > max(position for position, name in enumerate(names) if name == "RUN")
    assert value("USER", NUT_DOCKERFILE) == "nut"


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_container_has_no_root_and_no_privilege(name):
    service = COMPOSE["services"][name]
    assert service["cap_drop"] == ["ALL"] and service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("user", "nut") in ("10001:10001", "nut")
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc"} & set(service)
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), "a published port bypasses the machine's firewall"
    build = service["build"]
    assert (ROOT / "deploy" / build["context"] / build.get("dockerfile", "Dockerfile")).resolve().is_file()


def test_the_serial_device_and_nut_are_optional():
    voltkeeper, nut = COMPOSE["services"]["voltkeeper"], COMPOSE["services"]["nut"]
    assert voltkeeper["devices"] == ["${VOLTKEEPER_SERIAL:-/dev/null}:/dev/ttyGateway"]
    assert voltkeeper["group_add"] == ["20"]
    assert "profiles" not in voltkeeper and nut["profiles"] == ["nut"]
    assert nut["ulimits"]["nofile"] <= 4096, (
        "upsd allocates memory for every file that it may open, and fails without"
    )
    assert voltkeeper["volumes"] == ["../house:/data"] and value("CMD").count("/data/config.yml") == 1
    assert any(name == "HEALTHCHECK" for name, _ in DOCKERFILE)


def has_compose():
    return (
        bool(shutil.which("docker"))
        and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not has_compose(), reason="no docker compose on this machine to check compose.yml")
def test_docker_accepts_the_compose_file():
    done = subprocess.run(
        ["docker", "compose", "-f", ROOT / "deploy/compose.yml", "--profile", "nut", "config", "-q"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(NUT is None, reason="no upsd on this machine: apt install nut-server")
def test_the_command_of_the_nut_image_serves_a_ups_as_an_ordinary_user(start, free_port):
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:  # that users other than root can read
        for name, text in {
            "ups.conf": f"[rack]\n  driver = dummy-ups\n  mode = dummy-loop\n  port = {folder}/rack.dev\n",
            "rack.dev": "ups.status: OL\nbattery.charge: 97\n",
            "upsd.conf": f"LISTEN 127.0.0.1 {port}\n",
            "upsd.users": "",
        }.items():
            Path(folder, name).write_text(text)
        as_nut = []
        if os.geteuid() == 0:
            as_nut = ["setpriv", "--reuid=nut", "--regid=nut", "--clear-groups"]
            for path in (Path(folder), *Path(folder).iterdir()):
                shutil.chown(path, "nut", "nut")
        where = {"NUT_CONFPATH": folder, "NUT_STATEPATH": folder, "NUT_ALTPIDPATH": folder}
        where["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
        program = start(*as_nut, *json.loads(value("CMD", NUT_DOCKERFILE)), **where)
        try:
            until = time.monotonic() + 20
            while not (answer := charge(port)).startswith("VAR") and time.monotonic() < until:
                time.sleep(0.1)  # the driver and the server start in parallel
            assert answer == 'VAR rack battery.charge "97"', program.text
        finally:  # a driver leaves the session of its parent
            subprocess.run([*as_nut, "upsdrvctl", "stop"], env=where, capture_output=True, timeout=20)


def charge(port):
    """The battery charge from the server; empty while it does not listen."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
            client.sendall(b"GET VAR rack battery.charge\n")
            return client.recv(200).decode().strip()
    except OSError:
        return ""


def test_the_lock_file_holds_every_dependency_with_hashes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    installed = [text for extra in ("alerts", "mqtt", "report") for text in extras[extra]]
    wanted = list(map(Requirement, [*project["dependencies"], *installed]))
    text = (ROOT / "deploy/requirements.lock").read_text()
    locked = {name: Version(number) for name, number in re.findall(r"^([\w.-]+)==([\w.]+)", text, re.M)}
    for one in wanted:
        assert locked[one.name.lower()] in one.specifier, f"update deploy/requirements.lock: {one}"
    for block in re.findall(r"^[\w.-]+==(?:.*\\\n)*.*$", text, re.M):
        assert "--hash=sha256:" in block, block


def test_the_image_installs_what_the_lock_file_holds_and_nothing_else():
    steps = " ".join(arguments for name, arguments in DOCKERFILE if name == "RUN")
    installs = re.findall(r"pip install ([^&]+)", steps)
    assert all("--require-hashes" in one or "--no-deps" in one for one in installs) and len(installs) == 3
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "deploy/requirements.lock").read_text(), re.M)
    tested = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["test"]
    assert not {Requirement(text).name.lower() for text in tested} & set(locked)


@pytest.mark.parametrize("dockerfile", [DOCKERFILE, NUT_DOCKERFILE])
def test_a_base_image_is_named_by_digest(dockerfile):
    bases = [arguments for name, arguments in dockerfile if name == "FROM"]
    assert bases and all(re.fullmatch(r"[\w:.-]+@sha256:[0-9a-f]{64}", base) for base in bases)


DOCKER = """#!/bin/sh
echo "$*" >>"$LOG"
case "$*" in "run "*"$BROKEN"*) echo "it is broken" >&2; exit 1 ;; esac
"""


@pytest.fixture
def build_images(tmp_path):
    """deploy/build-images with a `docker` that runs no image: (exit code, its commands, stderr)."""
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)

    def run(*platforms, broken="nothing"):
        log = tmp_path / "log"
        log.write_text("")
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(log), "BROKEN": broken}
        done = subprocess.run(
            [ROOT / "deploy/build-images", *platforms],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, log.read_text().splitlines(), done.stderr

    return run


def test_an_image_of_each_platform_is_built_and_checked(build_images):
    code, commands, _ = build_images()
    assert code == 0
    verbs = [(words.split()[0], re.search(r"--platform (\S+)", words)[1]) for words in commands]
    platforms = ("linux/amd64", "linux/arm64", "linux/arm/v7")
    assert verbs == [(verb, one) for one in platforms for verb in ("buildx", "run")]
    assert all("deploy/check_image.py" in words for words in commands[1::2])
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"--tag voltkeeper:{version}-arm-v7 " in commands[4]
    assert build_images("arm64")[1] == commands[2:4]


def test_an_image_that_does_not_work_is_not_kept(build_images):
    code, commands, errors = build_images(broken="linux/arm64")
    assert code == 1 and "it is broken" in errors
    assert commands[-1].startswith("image rm voltkeeper:") and commands[-1].endswith("-arm64")
    assert not any("arm/v7" in words for words in commands)
