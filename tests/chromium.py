"""A headless Chromium for tests: opens pages, runs scripts in them, clicks.

Uses the DevTools protocol over a pipe, so it needs no port and no package.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from itertools import count

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
# Without renderers in reserve, a renderer for each site, a process that draws and what serves people: a third
# of its CPU time.
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --remote-debugging-pipe "
    "--disable-extensions --disable-default-apps --disable-breakpad --mute-audio "
    "--disable-site-isolation-trials --renderer-process-limit=1 --in-process-gpu --disable-features="
    "SpareRendererForSitePerProcess,BackForwardCache,OptimizationHints,MediaRouter,Translate,InitialWebUI,"
    "PreloadTopChromeWebUI,WebUIOmniboxPopup,OnDeviceModelService,PaintHolding"
).split()
TIMEOUT_S = 60


class Chromium:
    """A browser process; a context manager."""

    def __init__(self, folder):
        self._numbers = count(1)
        self._unread = b""
        self.events = []
        command_out, self._in = os.pipe()
        self._out, answer_in = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (command_out, answer_in)]

        def wire():  # Chromium reads commands on 3 and writes answers on 4
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            [BROWSER, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            preexec_fn=wire,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (command_out, answer_in, *ends):
            os.close(end)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._in)
        os.close(self._out)
        self._process.terminate()
        self._process.wait(TIMEOUT_S)

    def profile(self):
        """A Profile: cookies and storage of their own."""
        return Profile(self)

    def send(self, method, session=None, **params):
        answer = self.ask(method, session, **params)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def ask(self, method, session=None, **params):
        """The answer as it comes, which may be an error."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params} | (
            {"sessionId": session} if session else {}
        )
        os.write(self._in, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != number:
            self.events.append(answer)
        return answer

    def _read(self, timeout=TIMEOUT_S):
        until = time.monotonic() + timeout
        while b"\0" not in self._unread:
            assert select.select([self._out], [], [], max(0, until - time.monotonic()))[0], (
                "no answer from the browser"
            )
            more = os.read(self._out, 1 << 20)
            assert more, "the browser ended"
            self._unread += more
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)


class Profile:
    """Tabs that share cookies and storage, which no other profile of the browser sees; a context manager."""

    def __init__(self, browser):
        self._browser = browser
        self._id = browser.send("Target.createBrowserContext")["browserContextId"]
        self.pages = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._browser.send("Target.disposeBrowserContext", browserContextId=self._id)

    def open(self, url, width=1280, height=900, dark=False):
        """A Page in a new tab."""
        target = self._browser.send("Target.createTarget", url="about:blank", browserContextId=self._id)
        page = Page(self._browser, target["targetId"])
        self.pages.append(page)
        for domain in ("Page", "Runtime", "Log"):
            page.send(f"{domain}.enable")
        page.size(width, height)
        page.likes(dark)
        page.go(url)
        return page

    def close(self, pages):
        """Close these pages: an open one goes on asking its site and drawing."""
        for page in pages:
            page.close()
            self.pages.remove(page)


class Page:
    """A tab."""

    def __init__(self, browser, target):
        self._browser, self._target = browser, target
        self._session = browser.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.width = None  # that of the last `size`

    def close(self):
        browser = self._browser
        browser.send("Target.closeTarget", targetId=self._target)
        browser.events = [event for event in browser.events if event.get("sessionId") != self._session]

    def send(self, method, **params):
        return self._browser.send(method, self._session, **params)

    def go(self, url):
        """Load the URL and wait until its scripts ran."""
        self.run("window.left = true")
        self.send("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && !window.left")

    def run(self, script):
        """The value of an expression; a promise is awaited."""
        value, failure = self._evaluate(script)
        assert failure is None, (script, failure)
        return value

    def _evaluate(self, script):
        options = {"awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = self._browser.ask("Runtime.evaluate", self._session, expression=script, **options)
        if "error" in answer:  # the page was left meanwhile
            return None, answer["error"]
        result = answer["result"]
        return result["result"].get("value"), result.get("exceptionDetails")

    def until(self, script, timeout=TIMEOUT_S):
        """Wait until the expression is true; returns its value. An error during a navigation is retried."""
        end = time.monotonic() + timeout
        while True:
            value, failure = self._evaluate(script)
            if value and not failure:
                return value
            assert time.monotonic() < end, f"not true within {timeout} s: {script} ({failure or value!r})"
            time.sleep(0.05)

    def text(self, selector):
        return self.run(f"document.querySelector({json.dumps(selector)})?.textContent.trim()")

    def press(self, selector):
        """Press the middle of an element with the mouse, once the page is complete."""
        self.until("document.readyState === 'complete'")
        x, y = self.run(
            "(e => { e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2] })"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def scripts(self, on):
        """Switch JavaScript on or off, from the next page load."""
        self.send("Emulation.setScriptExecutionDisabled", value=not on)

    def click(self, selector):
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def size(self, width, height):
        self.width = width
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def likes(self, dark):
        """Set the color scheme that the system prefers."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def complaints(self):
        """Messages of the console and the log so far, and uncaught exceptions."""
        self.run("0")
        found = [event for event in self._browser.events if event.get("sessionId") == self._session]
        return [
            event["params"].get("entry", event["params"])
            for event in found
            if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        ]

    def picture(self, path, whole=True):
        """A PNG of the page."""
        data = self.send("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
