"""Fixtures for all tests: free ports, configs, waiting, and `voltkeeper` processes."""

import sys
from pathlib import Path

import pytest

from tests.programs import Program, child_environment, free_port, wait_until

# These take longest and go first, so that at the end no process works on one of them alone.
LONG_FILES = (
    "voltkeeper/test_up.py",
    "plugins/test_ups_browser.py",
    "ingest/ups/test_ingest_orders.py",
    "ingest/mysensors/test_firmware.py",
    "test_browser.py",
    "plugins/test_live.py",
    "plugins/test_looks.py",
    "ingest/nut/test_order_outcomes.py",
    "ingest/ups/test_ingest_nut.py",
    "ingest/mysensors/test_daemon.py",
    "deploy/test_container.py",
    "plugins/test_reports.py",
    "plugins/test_ups_pages.py",
    "ingest/ups/test_ups_history.py",
    "ingest/ups/test_ingest_must.py",
    "deploy/test_supervisor_file.py",
    "deploy/test_nginx.py",
    "deploy/test_notify.py",
)
TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Put the tests of LONG_FILES first; `-n --no-loadscope-reorder` hands them out in this order."""
    place = {TESTS / name: number for number, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(name="free_port")
def find_free_port():
    """A function that returns a TCP port on 127.0.0.1 on which nothing listens."""
    return free_port


@pytest.fixture
def wait_for():
    """A function that waits until `found()` is true and returns its value, or fails after `timeout`."""
    return wait_until


@pytest.fixture
def write_config(tmp_path):
    """A function that writes text to config.yml in the test's folder and returns its path."""

    def write(text):
        path = tmp_path / "config.yml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def start(tmp_path):
    """A function that starts a command in the test's folder; its session is killed after the test."""
    programs = []

    def run(*command, **environment):
        programs.append(Program(command, tmp_path, child_environment(**environment)))
        return programs[-1]

    yield run
    for program in programs:
        program.kill()


@pytest.fixture
def voltkeeper(start):
    """A function that starts `voltkeeper ARGUMENTS`."""

    def run(*arguments, **environment):
        return start(sys.executable, "-m", "voltkeeper", *arguments, **environment)

    return run
