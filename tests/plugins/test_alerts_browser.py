"""/-/alerts in a browser: what a test did appears at its button, and stays when the page is renewed."""

import signal
import subprocess
import sys

from outbound.sending_lock import is_sending
from tests.helpers.alert_receiver import REFUSING, AlertReceiver
from tests.plugins.served_site import Served, sign_in
from tests.programs import START_S, wait_until

SETTINGS = """web: {{port: 0}}
access: {{people: [PERSON]}}
alerts: {{targets: [{{name: phone, url: '{phone}'}}, {{name: mail, url: '{mail}'}}]}}
"""
RESULT = "document.querySelector('#target-{}')?.querySelector('.result')?.textContent"
PRESS = "[...document.querySelectorAll('{} button')].find((one) => one.textContent.includes({!r})).click()"


def test_results_appear_at_their_buttons(tmp_path, chromium):
    with AlertReceiver() as phone, AlertReceiver() as mail:
        more = SETTINGS.format(phone=phone.url, mail=mail.url)
        site = Served(tmp_path, more, may="maintain")
        command = [sys.executable, "-m", "voltkeeper", "outbound", "--config", tmp_path / "config.yml"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: is_sending(site.database), START_S)
                press_buttons(site, chromium, phone, mail)
            finally:
                process.send_signal(signal.SIGTERM)
                site.end()


def press_buttons(site, chromium, phone, mail):
    page = chromium.open(f"{site.url}/-/login")
    sign_in(page)
    page.go(f"{site.url}/-/alerts")
    mail.mode = REFUSING
    page.run(PRESS.format("#target-1", "Test"))
    page.run(PRESS.format("#target-2", "Test"))
    page.until(f"{RESULT.format(1)} === '✓ phone took the test: HTTP 200 OK'")
    page.until(f"{RESULT.format(2)}?.startsWith('▲ mail: failed: HTTP 503')")
    page.until("document.querySelector('#deliveries').textContent.includes('Test of mail')")
    page.run(PRESS.format("#mute", "Mute"))
    page.until("document.querySelector('#mutes .record')?.textContent.includes('everything')")
    assert page.run("document.querySelector('#mute .result').textContent").startswith("✓ Muted: everything")
    assert page.run(RESULT.format(1)) == "✓ phone took the test: HTTP 200 OK"  # after the block was renewed
    assert "Test of phone: alerts reach you" in phone.titles
