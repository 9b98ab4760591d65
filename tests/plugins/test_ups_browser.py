"""UPS commands and settings of the demo site in a real browser, with scripts and without."""

import re

import pytest

from ingest.demo.making import make_history
from ingest.demo.site import FOLDER, NAME, demo_config
from tests.programs import running_site

QUICK = 'button[value="test.battery.start.quick"]'
ORDERS = "#orders > summary"
LAST = "document.querySelector('#ups-orders tbody tr')?.innerText || ''"


@pytest.fixture(scope="module")
def demo(browser, tmp_path_factory):  # none without a browser
    """The URL of a demo site with a history of one day."""
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / FOLDER).mkdir(parents=True)
    make_history(demo_config("127.0.0.1:5003", 3493, folder=folder / FOLDER), NAME, days=1)
    with running_site(folder, "up", "--port", "0") as url:
        yield url


@pytest.fixture
def page(browser):
    with browser.profile() as profile:
        yield profile.open("about:blank")


@pytest.fixture
def signed_in(demo, page):
    page.go(f"{demo}/-/login")
    page.run(
        "document.querySelector('[name=username]').value = "
        "document.querySelector('[name=password]').value = 'demo'"
    )
    page.run("document.querySelector('[name=password]').form.submit()")
    page.until("document.body.innerText.includes('Sign out')")
    return page


def open_orders(page, until):
    """Open the commands of the page of a UPS, once the script gives a value."""
    page.until(until)
    if not page.run("document.querySelector('#orders').open"):
        page.press(ORDERS)


def test_signed_out_users_see_the_commands_and_why_they_are_disabled(demo, page):
    page.go(f"{demo}/ups/rack@closet")
    open_orders(page, f"!!document.querySelector('{QUICK}')")
    assert page.run(f"document.querySelector('{QUICK}').disabled")
    assert "Sign in to do this" in page.run("document.querySelector('#why-order').innerText")


def test_a_battery_test_takes_two_presses_and_its_row_and_event_follow(demo, signed_in):
    page = signed_in
    page.go(f"{demo}/ups/rack@closet")
    open_orders(page, f"!!document.querySelector('{QUICK}:enabled')")  # the server has listed its commands
    page.press(QUICK)
    assert page.run(f"document.querySelector('{QUICK}').innerText") == "Press again to confirm"
    assert "press again within 4 seconds" in page.run("document.querySelector('#order-armed').innerText")
    page.until(f"document.querySelector('{QUICK}').innerText == 'Start a quick battery test'")  # by itself
    assert page.run(LAST) == ""
    page.press(QUICK)
    page.press(QUICK)
    page.until("document.body.innerText.includes('queued for')")
    assert page.run("location.pathname") == "/ups/rack@closet"
    order_text = page.until(f"/done/.test({LAST}) && {LAST}")  # without reloading the page
    assert re.search(r"Start a quick battery test\s+queued \S+ by demo → sent \S+ → done", order_text), (
        order_text
    )
    events = f"{demo}/telemetry/ups_events.json?_shape=array&event=TEST&_sort_desc=id&name=rack@closet"
    fetch = f"fetch('{events}').then(r => r.json()).then(rows => rows.length && rows[0])"
    event = page.until(f"{fetch}.then(row => row.figures.includes('demo') && row)")
    assert '"command": "test.battery.start.quick"' in event["figures"]
    over = page.until(f"{fetch}.then(row => row.ended_at && row)")
    assert '"result": "Done and passed"' in over["figures"] and '"lowest_battery_voltage"' in over["figures"]
    assert page.complaints() == []


def test_a_setting_is_confirmed_and_another_value_disarms(demo, signed_in):
    page = signed_in
    page.go(f"{demo}/ups/rack@closet")
    field, button = "#set-input\\\\.transfer\\\\.low", "form:has([value='input.transfer.low']) button"
    open_orders(page, f"!!document.querySelector('{field}:enabled')")
    page.run(f"document.querySelector('{field}').value = 999")
    page.press(button)
    assert page.run(f'document.querySelector("{button}").innerText') == "Set"  # the browser knows the range
    page.run(f"document.querySelector('{field}').value = 170")
    page.press(button)
    assert page.run(f'document.querySelector("{button}").innerText') == "Press again to confirm"
    page.run(f"document.querySelector('{field}').value = 171")
    page.run(f"document.querySelector('{field}').dispatchEvent(new Event('input', {{bubbles: true}}))")
    assert page.run(f'document.querySelector("{button}").innerText') == "Set"
    page.press(button)
    page.press(button)
    order_text = page.until(f"/171[^]*done/.test({LAST}) && {LAST}")
    assert "Input: To battery below: 171" in order_text and "was 176" in order_text
    changes = (
        f"fetch('{demo}/telemetry/ups_variable_changes.json?_shape=array&_sort_desc=id').then(r => r.json())"
    )
    change = page.until(f"{changes}.then(rows => rows[0]?.variable == 'input.transfer.low' && rows[0])")
    assert (change["old"], change["value"]) == ("176", "171")


def test_power_off_commands_are_confirmed_on_a_separate_page(demo, signed_in):
    page = signed_in
    page.go(f"{demo}/ups/desk@closet")
    open_orders(page, "!!document.querySelector('button[value=\"load.off\"]:enabled')")
    page.press('button[value="load.off"]')
    page.until("document.querySelector('h1').innerText == 'Turn the load off at once?'")
    assert "cuts the power" in page.run("document.querySelector('.problem').innerText")
    page.press("main form button")
    assert page.run("location.pathname") == "/-/ups/commands"  # the checkbox is required
    page.press("main form input[type=checkbox]")
    page.press("main form button")
    page.until(f"/Turn the load off/.test({LAST})")


def test_without_scripts_a_page_asks_for_confirmation(demo, signed_in):
    page = signed_in
    page.scripts(False)
    page.go(f"{demo}/ups/attic@closet")
    open_orders(page, "!!document.querySelector('button[value=\"beeper.toggle\"]:enabled')")
    page.press('button[value="beeper.toggle"]')
    page.until("document.querySelector('h1').innerText == 'Turn the beeper on or off?'")
    page.press("main form button")
    page.until(f"location.pathname == '/ups/attic@closet' && /Turn the beeper/.test({LAST})")


def test_a_battery_test_of_some_seconds_and_the_warning_of_a_long_one(demo, signed_in):
    page = signed_in
    page.go(f"{demo}/ups/rack@closet")
    field = '[id="value-test.battery.start"]'
    button = f"form:has({field}) button"
    open_orders(page, f"!!document.querySelector('{button}:enabled')")
    page.run(f"document.querySelector('{field}').value = '600'")
    page.press(button)
    page.until("!!document.querySelector('#danger')")
    assert "the battery is discharged" in page.run("document.querySelector('#danger').innerText")
    page.go(f"{demo}/ups/rack@closet")
    open_orders(page, f"!!document.querySelector('{button}:enabled')")
    page.run(f"document.querySelector('{field}').value = '60'")
    page.press(button)
    assert page.run(f"document.querySelector('{button}').innerText") == "Press again to confirm"
    page.press(button)
    page.until("document.body.innerText.includes('queued for')")
    page.until(f"/Start a battery test: 60 s[^]*done/.test({LAST})")
