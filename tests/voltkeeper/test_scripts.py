"""The scripts on machines that lack something, with stand-ins for the Python found there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OLD = "#!/bin/sh\n[ \"$1\" = -V ] && echo 'Python 3.9.2' && exit\nexit 1\n"
SHIM = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"
BARE = f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\nexec {sys.executable} "$@"\n'


@pytest.fixture
def clone(tmp_path):
    """A folder with the scripts alone, whose PATH can be given Pythons."""
    shutil.copytree(ROOT / "script", tmp_path / "clone/script")
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "clone")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "cat", "sha256sum", "flock", "rm", "mv"):
        (tools / name).symlink_to(shutil.which(name))
    return tmp_path / "clone"


def run(clone, script, pythons):
    for name, text in pythons.items():
        path = clone.parent / "bin" / name
        path.write_text(text)
        path.chmod(0o755)
    environment = {"PATH": str(clone.parent / "bin"), "HOME": str(clone)}
    return subprocess.run(
        [clone / "script" / script], env=environment, capture_output=True, text=True, timeout=30
    )


@pytest.mark.parametrize("script", ["bootstrap", "server", "test"])
@pytest.mark.parametrize("pythons", [{"python3": OLD}, {"python3": OLD, "python3.12": SHIM}])
def test_a_python_that_is_too_old(clone, script, pythons):
    answer = run(clone, script, pythons)
    assert answer.returncode == 1
    assert "Voltkeeper needs Python 3.11 or later; here is: Python 3.9.2" in answer.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("script", ["bootstrap", "server", "test"])
def test_a_python_without_its_venv_module(clone, script):
    answer = run(clone, script, {"python3": BARE})
    assert answer.returncode == 1
    assert "sudo apt install python3-venv" in answer.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.skipif(
    not Path(sys.prefix, "installed").exists(), reason="not in an environment of script/bootstrap"
)
def test_bootstrap_installs_nothing_when_nothing_changed():
    written = Path(sys.prefix, "installed").stat().st_mtime_ns
    answer = subprocess.run(
        [ROOT / "script/bootstrap"],
        env={**os.environ, "VENV": sys.prefix},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert Path(sys.prefix, "installed").stat().st_mtime_ns == written


PIP = """#!/bin/sh
case "$*" in
*"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
*" install "*)
    echo 'Collecting click>=8'; sleep 1; echo 'Installing collected packages: click'
    [ ! -e fails ] ;;
esac
"""


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_installed_shows_on_a_terminal(clone, fails):
    for name in ("mkdir", "cp", "sleep", "sed", "tail", "cut", "grep"):
        (clone.parent / "bin" / name).symlink_to(shutil.which(name))
    python = clone.parent / "bin/python3"
    python.write_text(PIP)
    python.chmod(0o755)
    if fails:
        (clone / "fails").touch()
    leader, follower = os.openpty()
    process = subprocess.Popen(
        [clone / "script/bootstrap"],
        env={"PATH": str(clone.parent / "bin"), "HOME": str(clone)},
        stdout=subprocess.DEVNULL,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    with os.fdopen(leader, "rb", buffering=0) as terminal:
        try:
            while more := terminal.read(4096):
                shown += more
        except OSError:  # its other end was closed
            pass
    assert process.wait(60) == fails
    assert b"1 packages, Collecting click>=8" in shown
    assert (b"Installing failed" in shown) == fails == (b"\nInstalling collected packages: click" in shown)
