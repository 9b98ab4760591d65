"""The demo in a real browser: pages, charts, and no messages in the console."""

import os
import re
import shutil
import subprocess

import pytest

from tests.programs import running_site

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --virtual-time-budget=8000 --enable-logging=stderr"
).split()

if BROWSER is None:
    if os.environ.get("CI"):
        pytest.fail("CI has to install chromium", pytrace=False)
    pytest.skip("no chromium on this machine", allow_module_level=True)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The URL of a new demo site."""
    with running_site(tmp_path_factory.mktemp("demo"), "up", "--port", "0") as url:
        yield url


@pytest.fixture
def browse(tmp_path):
    """A function that opens a URL and returns the DOM after its scripts and the console messages."""

    def open_page(url, *flags):
        done = subprocess.run(
            [BROWSER, *FLAGS, *flags, f"--user-data-dir={tmp_path}/profile", "--dump-dom", url],
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout, re.findall(r'CONSOLE.*"(.*)"', done.stderr)

    return open_page


@pytest.mark.parametrize(
    "path", ["/", "/nodes", "/nodes/main/7", "/radio", "/api", "/telemetry/nodes", "/telemetry/stale_nodes"]
)
def test_a_page_is_marked_as_a_demo_and_the_console_is_empty(path, demo, browse):
    page, console = browse(demo + path)
    assert "Demo house" in page and "nothing here is real" in page
    assert console == []


def test_a_canned_query_opens_as_a_chart(demo, browse):
    listing, _ = browse(demo + "/telemetry")
    link = re.search(r'href="(/telemetry/channel_history#[^"]+)"', listing)[1].replace("&amp;", "&")
    page, console = browse(demo + link.replace("#", "?type=V_TEMP#"))
    assert not [message for message in console if "vega" not in message.lower()]
    assert re.search(r"<(canvas|svg)[^>]*class=\"marks", page), "no chart was drawn"
