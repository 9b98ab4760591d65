"""The demo house as a newcomer meets it, in a real browser: pages, charts, no complaint in the console."""

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
    """The URL of a demo house made from nothing."""
    with running_site(tmp_path_factory.mktemp("newcomer"), "up", "--port", "0") as url:
        yield url


@pytest.fixture
def browse(tmp_path):
    """A function that opens a URL and returns the page as it stands after its scripts, and what the console said."""

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
def test_a_page_says_that_it_is_a_demo_and_the_console_is_quiet(path, demo, browse):
    page, console = browse(demo + path)
    assert "Demo house" in page and "nothing here is real" in page
    assert console == []


def test_a_question_opens_as_a_chart(demo, browse):
    listing, _ = browse(demo + "/telemetry")
    link = re.search(r'href="(/telemetry/channel_history#[^"]+)"', listing)[1].replace("&amp;", "&")
    page, console = browse(demo + link.replace("#", "?type=V_TEMP#"))
    assert not [words for words in console if "vega" not in words.lower()]
    assert re.search(r"<(canvas|svg)[^>]*class=\"marks", page), "no chart was drawn"
