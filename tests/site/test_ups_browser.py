"""A newcomer signs in to the demo house and tells its UPSes what to do, in a real browser: with scripts and without."""

import os
import re
import subprocess
import sys

import pytest
from tests.site.browser import CHROMIUM, Browser

if CHROMIUM is None:
    if os.environ.get("CI"):
        pytest.fail("CI has to install chromium", pytrace=False)
    pytest.skip("no chromium on this machine", allow_module_level=True)

QUICK = 'button[value="test.battery.start.quick"]'
LAST = "document.querySelector('#ups-orders tbody tr')?.innerText || ''"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The URL of a demo house made from nothing."""
    folder = tmp_path_factory.mktemp("newcomer")
    process = subprocess.Popen(
        [sys.executable, "-m", "ingest", "up", "--port", "0"], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    try:
        yield next(found[0] for line in process.stdout if (found := re.findall(r"http://127\.0\.0\.1:\d+", line)))
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def browser(tmp_path):
    with Browser(tmp_path) as browser:
        yield browser


@pytest.fixture
def signed_in(demo, browser):
    browser.open(f"{demo}/-/login")
    browser.run("document.querySelector('[name=username]').value = document.querySelector('[name=password]').value = 'demo'")
    browser.run("document.querySelector('[name=password]').form.submit()")
    browser.wait("document.body.innerText.includes('Log out')")
    return browser


def test_who_is_not_signed_in_sees_the_commands_and_why_he_cannot(demo, browser):
    browser.open(f"{demo}/ups/rack@closet")
    browser.wait(f"!!document.querySelector('{QUICK}')")
    assert browser.run(f"document.querySelector('{QUICK}').disabled")
    assert "Log in to do this" in browser.run("document.querySelector('#why-order').innerText")


def test_a_battery_test_takes_two_presses_and_its_row_and_event_follow(demo, signed_in):
    browser = signed_in
    browser.open(f"{demo}/ups/rack@closet")
    browser.wait(f"!!document.querySelector('{QUICK}:enabled')", 30)  # the server has told its commands
    browser.press(QUICK)
    assert browser.run(f"document.querySelector('{QUICK}').innerText") == "Press again to confirm"
    assert "press again within 4 seconds" in browser.run("document.querySelector('#order-armed').innerText")
    browser.wait(f"document.querySelector('{QUICK}').innerText == 'Start a quick battery test'", 6)  # it disarms by itself
    assert browser.run(LAST) == ""
    browser.press(QUICK)
    browser.press(QUICK)
    browser.wait("document.body.innerText.includes('queued for')")
    assert browser.run("location.pathname") == "/ups/rack@closet"
    told = browser.wait(f"/done/.test({LAST}) && {LAST}", 15)  # without loading the page anew
    assert re.search(r"Start a quick battery test\s+queued \S+ by demo → sent \S+ → done", told), told
    events = f"{demo}/telemetry/ups_events.json?_shape=array&event=TEST&_sort_desc=id&name=rack@closet"
    fetch = f"fetch('{events}').then(r => r.json()).then(rows => rows.length && rows[0])"
    event = browser.wait(f"{fetch}.then(row => row.figures.includes('demo') && row)", 15)
    assert '"command": "test.battery.start.quick"' in event["figures"]
    over = browser.wait(f"{fetch}.then(row => row.ended_at && row)", 45)
    assert '"result": "Done and passed"' in over["figures"] and '"lowest_battery_voltage"' in over["figures"]
    assert browser.messages == []


def test_a_setting_is_confirmed_and_another_value_disarms(demo, signed_in):
    browser = signed_in
    browser.open(f"{demo}/ups/rack@closet")
    field, button = "#set-input\\\\.transfer\\\\.low", "form:has([value='input.transfer.low']) button"
    browser.wait(f"!!document.querySelector('{field}:enabled')", 30)
    browser.run(f"document.querySelector('{field}').value = 999")
    browser.press(button)
    assert browser.run(f"document.querySelector(\"{button}\").innerText") == "Set"  # the browser knows the range
    browser.run(f"document.querySelector('{field}').value = 170")
    browser.press(button)
    assert browser.run(f"document.querySelector(\"{button}\").innerText") == "Press again to confirm"
    browser.run(f"document.querySelector('{field}').value = 171")
    browser.run(f"document.querySelector('{field}').dispatchEvent(new Event('input', {{bubbles: true}}))")
    assert browser.run(f"document.querySelector(\"{button}\").innerText") == "Set"
    browser.press(button)
    browser.press(button)
    told = browser.wait(f"/171[^]*done/.test({LAST}) && {LAST}", 15)
    assert "Input: To battery below: 171" in told and "was 176" in told
    changes = f"fetch('{demo}/telemetry/ups_variable_changes.json?_shape=array&_sort_desc=id').then(r => r.json())"
    change = browser.wait(f"{changes}.then(rows => rows[0]?.variable == 'input.transfer.low' && rows[0])", 20)
    assert (change["old"], change["value"]) == ("176", "171")


def test_what_takes_the_power_asks_on_a_page_of_its_own(demo, signed_in):
    browser = signed_in
    browser.open(f"{demo}/ups/desk@closet")
    browser.wait("!!document.querySelector('button[value=\"load.off\"]:enabled')", 30)
    browser.press('button[value="load.off"]')
    browser.wait("document.querySelector('h1').innerText == 'Turn the load off at once?'")
    assert "takes the power" in browser.run("document.querySelector('.problem').innerText")
    browser.press("main form button")
    assert browser.run("location.pathname") == "/-/ups/commands"  # the box wants to be ticked
    browser.press("main form input[type=checkbox]")
    browser.press("main form button")
    browser.wait(f"/Turn the load off/.test({LAST})")


def test_without_scripts_a_page_asks(demo, signed_in):
    browser = signed_in
    browser.scripts(False)
    browser.open(f"{demo}/ups/attic@closet")
    browser.wait("!!document.querySelector('button[value=\"beeper.toggle\"]:enabled')", 30)
    browser.press('button[value="beeper.toggle"]')
    browser.wait("document.querySelector('h1').innerText == 'Turn the beeper on or off?'")
    browser.press("main form button")
    browser.wait(f"location.pathname == '/ups/attic@closet' && /Turn the beeper/.test({LAST})")
