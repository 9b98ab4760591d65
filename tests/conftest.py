"""Fixtures for all tests: free ports, configs, waiting, and `voltkeeper` processes."""

import gc
import os
import sys
from pathlib import Path

import pytest

from tests.chromium import BROWSER, Chromium
from tests.programs import Program, child_environment, free_port, wait_until

# These take longest and go first, so that at the end no process works on one of them alone.
LONG_FILES = (
    "browser/test_pages.py",
    "voltkeeper/test_up.py",
    "plugins/test_ups_browser.py",
    "ingest/ups/test_ingest_orders.py",
    "voltkeeper/test_replay.py",
    "ingest/mysensors/test_firmware.py",
    "plugins/test_ups_pages.py",
    "plugins/test_live.py",
    "deploy/test_container.py",
    "plugins/test_reports.py",
    "plugins/test_ups_queries.py",
    "test_readme.py",
    "ingest/recompute/test_a_file_of_the_version_before.py",
    "ingest/maintenance/test_replacement.py",
    "plugins/test_looks.py",
    "ingest/nut/test_order_outcomes.py",
    "ingest/ups/test_ingest_nut.py",
    "ingest/mysensors/test_daemon.py",
    "ingest/mysensors/test_mqtt.py",
    "outbound/mqtt/test_publisher.py",
    "outbound/mqtt/test_home_assistant.py",
    "deploy/test_nginx.py",
    "ingest/transfer/test_export.py",
    "ingest/ups/test_ups_history.py",
    "ingest/ups/test_ingest_must.py",
    "deploy/test_readme.py",
    "deploy/test_supervisor_file.py",
    "deploy/test_notify.py",
)
TESTS = Path(__file__).parent
gc.disable()  # while tests are collected: all that is made then stays until the end


def pytest_addoption(parser):
    """`--all` and `--pictures`, for tests/browser."""
    parser.addoption("--all", action="store_true", help="pages in all states, widths and themes")
    parser.addoption("--pictures", metavar="FOLDER", help="where pictures of pages go; else none are taken")


@pytest.fixture(scope="session")
def every_case(request):
    """Skips a test without `--all`."""
    if not request.config.getoption("--all"):
        pytest.skip("only with --all")


def pytest_collection_modifyitems(items):
    """Put the tests of LONG_FILES first; `-n --no-loadscope-reorder` hands them out in this order."""
    place = {TESTS / name: number for number, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish():
    """Collect garbage from now on, more rarely than usual and without looking at the tests themselves."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A browser; tests with it are skipped where there is none."""
    if BROWSER is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to install chromium", pytrace=False)
        pytest.skip("no chromium on this machine")
    with Chromium(tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest.fixture(scope="module")
def chromium(browser):
    """A profile of the browser for the tests of a file."""
    with browser.profile() as profile:
        yield profile


@pytest.fixture(autouse=True)
def close_pages(request):
    """Closes what a test opened in that profile."""
    if "chromium" not in request.fixturenames:
        yield
        return
    profile = request.getfixturevalue("chromium")
    before = list(profile.pages)
    yield
    profile.close([page for page in profile.pages if page not in before])


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
