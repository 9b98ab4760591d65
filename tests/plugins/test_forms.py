"""Forms: what they did appears at their button; what was typed stays, and the wrong field is marked."""

import html
import re

import pytest

from tests.plugins.served_site import Served, sign_in
from tests.plugins.site_helpers import BROWSER

FORM = "form[action='/telemetry/set_location']"
NODE = "/nodes/main/12"


def posted(site, path, **fields):
    return site.post(path, data={"csrftoken": site.token(), **fields}, headers=BROWSER)


def inputs(page, name):
    return [html.unescape(one) for one in re.findall(rf'<input[^>]*name="{name}"[^>]*>', page)]


def test_a_refused_form_comes_back_with_what_was_typed(site):
    site.login()
    answer = posted(site, "/telemetry/set_location", node="12", location="<x>" * 30, next=NODE)
    assert answer.status_code == 400 and "at most 60" in answer.text
    (typed,) = inputs(answer.text, "location")
    assert f'value="{"<x>" * 30}"' in typed and 'aria-invalid="true"' in typed
    assert (
        'value="12"' in inputs(answer.text, "node")[0] and f'value="{NODE}"' in inputs(answer.text, "next")[0]
    )
    mended = posted(site, "/telemetry/set_location", node="12", location="Bed", next=NODE)
    assert mended.status_code == 302 and mended.headers["location"] == NODE


def test_what_no_user_typed_is_not_asked_again(site):
    site.login()
    answer = posted(site, "/telemetry/set_location", node="99", location="x")
    assert answer.status_code == 404 and "Send again" not in answer.text


def test_programs_are_told_the_field(site):
    site.login()
    fields = {"csrftoken": site.token(), "node": "12", "location": "x" * 61}
    answer = site.post("/telemetry/set_location", data=fields, headers={"accept": "application/json"})
    assert answer.status_code == 400 and answer.json()["field"] == "location"
    fields = {"csrftoken": site.token(), "subject": "nodes/12", "key": "label", "value": "x" * 61}
    answer = site.post("/-/settings", data=fields, headers={"accept": "application/json"})
    assert answer.json()["field"] == "value" and answer.json()["ok"] is False


def test_a_browser_without_scripts_confirms_what_happens_to_a_device(site):
    site.login()
    asked = posted(site, "/-/orders", node="12", order="reboot", next=NODE)
    assert asked.status_code == 200 and "Reboot the node?" in asked.text
    assert site.rows("select id from outbox") == []
    fields = {
        name: value
        for name in ("node", "order", "sure", "next")
        for value in re.findall(rf'name="{name}" value="([^"]*)"', asked.text)
    }
    assert fields == {"node": "12", "order": "reboot", "sure": "1", "next": NODE}
    done = posted(site, "/-/orders", **fields)
    assert done.status_code == 302
    assert site.rows('select node, "order" from outbox') == [(12, "reboot")]
    assert posted(site, "/-/orders", node="12", order="heartbeat").status_code == 302  # this harms nothing
    answer = site.post(
        "/-/orders",
        data={"csrftoken": site.token(), "node": "12", "order": "reboot"},
        headers={"accept": "application/json"},
    )
    assert answer.status_code == 201  # a program is not asked


@pytest.fixture(scope="module")
def page(tmp_path_factory, chromium):
    house = Served(tmp_path_factory.mktemp("forms"))
    page = chromium.open(f"{house.url}/-/login?next={NODE}", height=700)
    sign_in(page)
    page.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    yield page
    house.end()


def submit(page, selector):
    page.run(
        f"(form => form.requestSubmit(form.querySelector('button')))(document.querySelector({selector!r}))"
    )


def test_the_result_appears_at_the_button(page):
    page.run(
        f"window.mark = 1, window.form = document.querySelector({FORM!r}), form.location.maxLength = 100"
    )
    page.run("form.location.value = 'x'.repeat(61)")
    submit(page, FORM)
    page.until("form.querySelector('.result.failed')?.textContent.includes('at most 60')")
    assert page.run(
        "[form.location.getAttribute('aria-invalid'), document.activeElement === form.location,"
        " document.getElementById(form.location.getAttribute('aria-errormessage')).getAttribute('role')]"
    ) == ["true", True, "alert"]
    page.run(
        "form.location.value = 'Bed', form.location.dispatchEvent(new Event('input', { bubbles: true }))"
    )
    assert page.run("form.location.hasAttribute('aria-invalid')") is False
    submit(page, FORM)
    page.until("form.querySelector('.result.done')?.textContent.includes('is in: Bed')")
    page.until("form.location.defaultValue === 'Bed'")  # the page was renewed at once, and kept the line
    assert page.run(f"[mark, form.querySelectorAll('.result').length, location.pathname === {NODE!r}]") == [
        1,
        1,
        True,
    ]


def test_a_second_press_reboots_and_escape_disarms(page):
    button = "#send-template button[value=reboot]"
    text = f"document.querySelector({button!r}).textContent"
    page.press(button)
    assert page.run(text) == "Press again to reboot"
    page.run("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))")
    assert page.run(text) == "Reboot"
    page.press(button)
    page.press(button)
    page.until("document.querySelector('#send-template .result')?.textContent.includes('reboot queued')")
    assert page.run(text) == "Reboot" and page.run("location.pathname") == NODE
    assert [one for one in page.complaints() if one.get("source") != "network"] == []  # of the refused form
