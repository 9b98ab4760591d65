"""Figure 8: a wall tablet for a day: the heap, nodes and listeners of /?kiosk=1, hour by hour, as ratios.

    python benchmarks/kiosk.py [HOURS [PATH]]

A real browser opens the page of the demo house. The clock of the page is driven: the next timer runs as soon
as the site has answered, so that a day takes minutes. The site and its data go on in real time; once a
simulated minute all blocks are sent anew, as if each had changed. At the end the page is compared with what
it holds when it is newly loaded, since the house has more to show by then, and with what it held after an
hour.
"""

import sys
import tempfile
import time
import urllib.request

from live_bytes import demo

from tests.chromium import Chromium

HOUR_MS = 3_600_000
STEP_MS = 300_000  # of the page's clock, in one call of the browser
MAKING_S = 600
MOST = {"heap": 1.2, "nodes": 1.1, "listeners": 1.1, "timers": 1.0}  # of what the page newly loaded holds
# In place of the page's clock: timers wait until `advance` comes to their time.
CLOCK = """(() => {
  const later = window.setTimeout.bind(window), RealDate = Date;
  let now = RealDate.now(), last = 0;
  const timers = new Map();
  const add = (every) => (work, ms = 0, ...given) => {
    const wait = Math.max(1, ms);
    timers.set(++last, { at: now + wait, every: every ? wait : 0, work: () => work(...given) });
    return last;
  };
  window.setTimeout = add(false);
  window.setInterval = add(true);
  window.clearTimeout = window.clearInterval = (number) => void timers.delete(number);
  window.Date = class extends RealDate {
    constructor(...given) { given.length ? super(...given) : super(now); }
    static now() { return now; }
  };
  const set = async (count) => { while (timers.size < count) await new Promise((done) => later(done, 1)); };
  window.driven = {
    looks: 0,
    timers: () => timers.size,
    async advance(ms) {
      for (const end = now + ms; ;) {
        const [number, next] = [...timers].reduce((a, b) => (b[1].at < a[1].at ? b : a));
        if (next.at > end) { now = end; return; }
        now = next.at;
        if (next.every) next.at += next.every; else timers.delete(number);
        if (!next.every && ++this.looks % 12 === 0) version = "";
        next.work();
        if (!next.every) await set(timers.size + 1); // once the site has answered, the next look is due
      }
    },
  };
})();"""


def wait_until_made(port):
    """Until the history of the demo house is complete."""
    end = time.monotonic() + MAKING_S
    while time.monotonic() < end:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            if b"history is being made" not in answer.read():
                return
        time.sleep(1)
    raise SystemExit("the history of the demo was not made in time")


def counts(page):
    """What the page holds after a garbage collection."""
    page.send("HeapProfiler.collectGarbage")
    found = {one["name"]: one["value"] for one in page.send("Performance.getMetrics")["metrics"]}
    return {
        "heap": found["JSHeapUsedSize"] / 2**20,
        "nodes": found["Nodes"],
        "listeners": found["JSEventListeners"],
        "timers": page.run("driven.timers()"),
    }


def run_day(page, hours):
    """The counts after each hour."""
    found = []
    for hour in range(1, hours + 1):
        started = time.monotonic()
        for _ in range(HOUR_MS // STEP_MS):
            page.run(f"driven.advance({STEP_MS})")
        found.append(counts(page))
        print(f"{hour:2d} h: {text_of(found[-1])}; took {time.monotonic() - started:.0f} s", flush=True)
    return found


def text_of(one):
    return (
        f"heap {one['heap']:.2f} MiB, {one['nodes']:.0f} nodes, {one['listeners']:.0f} listeners, "
        f"{one['timers']} timers"
    )


def judge(found, fresh, state, complaints):
    """Print ratios of the last hour to the page newly loaded; whether all are within their limits."""
    is_good = True
    print(f"newly loaded: {text_of(fresh)}")
    for name, most in MOST.items():
        ratio, growth = found[-1][name] / fresh[name], found[-1][name] / found[0][name]
        is_good &= ratio <= most
        verdict = "ok" if ratio <= most else "TOO MUCH"
        print(f"{name}: {ratio:.2f} of it (at most {most}), {verdict}; {growth:.2f} of the first hour")
    looks, failures, text = state
    print(f"{looks} looks, {failures} failed in a row at the end, the button says {text!r}")
    print(f"{len(complaints)} messages on the console {complaints[:3]}")
    return is_good and failures == 0 and not complaints


def open_driven(profile, url):
    """The page, whose clock waits for `advance`, once it has had its first answer."""
    page = profile.open("about:blank")
    page.send("Page.addScriptToEvaluateOnNewDocument", source=CLOCK)
    for domain in ("HeapProfiler", "Performance"):
        page.send(f"{domain}.enable")
    page.go(url)
    page.until("ahead !== null")
    return page


def a_day(profile, port, hours, path):
    """Whether the page holds no more after so many hours than when it is loaded."""
    wait_until_made(port)
    url = f"http://127.0.0.1:{port}{path}"
    page = open_driven(profile, url)
    found = run_day(page, hours)
    state = page.run("[driven.looks, failures, document.getElementById('live').textContent]")
    complaints = page.complaints()
    page.close()
    newly = open_driven(profile, url)
    newly.run(f"driven.advance({STEP_MS})")
    return judge(found, counts(newly), state, complaints)


def main(hours=24, path="/?kiosk=1"):
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # parts of the browser end later
    with folder as own, Chromium(own) as browser, browser.profile() as profile, demo() as port:
        is_good = a_day(profile, port, int(hours), path)
    raise SystemExit(0 if is_good else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
