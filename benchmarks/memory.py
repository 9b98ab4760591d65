"""Memory of all processes with everything configured, during messages, polls, pages, alerts and a report.

    python benchmarks/memory.py [SECONDS]

Gateway, NUT server, EP20, MQTT broker and the receivers of messages run in this program, which is not
counted. `report` is the process that makes a report and lives for some seconds. The proportional share (PSS)
is smaller where other programs of the machine use the same Python: the resident size (RSS) stands beside it.
"""

import json
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from common import free_port, installation, traffic

from ingest.demo.ups.history import live_upses
from tests.helpers.broker import Broker
from tests.programs import Program, wait_until

LIMITS = {"outbound": 80, "plan": 30, "all": 300}  # MiB
LINES_S = 20
Peaks = defaultdict[str, tuple[float, float]]  # part -> PSS and RSS in MiB
TOKEN = "memory-token-0123456789"
PAGES = (
    "/",
    "/nodes",
    "/nodes/main/4",
    "/ups",
    "/ups/rack@closet?range=24h",
    "/energy",
    "/events",
    "/reports",
    "/-/alerts",
    "/-/plan",
    "/-/maintenance",
    "/telemetry/messages",
    "/telemetry/message_statistics.json?_shape=array",
    "/telemetry.json?sql=select+count(*)+from+readings+a+join+sensors+b",
)
CONFIG = """
web: {{port: {port}}}
nut: [{{name: closet, port: {nut}, poll_s: 2, command_username: operator, command_password: demo}}]
must: [{{name: garage, serial: {ep20}, poll_s: 5}}]
ups: {{rack@closet: {{commands: [beeper.mute]}}}}
access: {{tokens: [{{name: all, token: {token}, may: [edit, order, upload, maintain]}}]}}
alerts:
  targets:
    - {{name: phone, url: 'ntfy://127.0.0.1:{http}/house'}}
    - {{name: hook, url: 'json://127.0.0.1:{http}/hook'}}
    - {{name: program, command: ['true']}}
  quiet: {{from: "03:00", to: "03:01"}}
  heartbeat: {{url: 'http://127.0.0.1:{http}/heartbeat', every_s: 10}}
thresholds: [{{name: load, figure: ups_load, ups: rack@closet, above: 1}}]
reports: [{{name: daily, every: day, to: [hook, phone]}}]
mqtt: [{{name: broker, host: 127.0.0.1, port: {broker}}}]
publish: {{mqtt: broker, home_assistant: homeassistant, commands: true}}
schedule: [{{name: quiet, every: day, ups: rack@closet, command: beeper.mute}}]
plan:
  - name: rack
    ups: [rack@closet]
    on_battery:
      - {{name: hook, after_s: 0, webhook: 'http://127.0.0.1:{http}/plan'}}
      - {{name: mute, after_s: 0, command: {{ups: rack@closet, name: beeper.mute}}}}
"""


class Receiver(BaseHTTPRequestHandler):
    """Takes every message."""

    def do_POST(self) -> None:
        """Answer 200 with what ntfy answers."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.received += 1
        answer = json.dumps({"id": "1", "event": "message"}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self) -> None:
        """Take a heartbeat."""
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def family(pid: int) -> Iterator[int]:
    """A process and all that it has started."""
    yield pid
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def memory_mib(pid: int) -> tuple[float, float]:
    """The proportional share and the resident size of a process."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    pss, rss = (int(text.split(f"\n{key}:")[1].split()[0]) / 1024 for key in ("Pss", "Rss"))
    return pss, rss


def part(pid: int) -> str:
    """Which part of Voltkeeper a process is."""
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return words[words.index("voltkeeper") + 1] if "voltkeeper" in words else "SQL worker"


def sample(pid: int, peaks: Peaks) -> None:
    """Take the memory of every process now into the peaks; several of one part are added up."""
    now = Peaks(lambda: (0.0, 0.0))
    for one in family(pid):
        with suppress(OSError, IndexError, ValueError):
            name, (pss, rss) = part(one), memory_mib(one)
            for key in (name, "all"):
                now[key] = now[key][0] + pss, now[key][1] + rss
    for name, (pss, rss) in now.items():
        peaks[name] = max(peaks[name][0], pss), max(peaks[name][1], rss)


def request(url: str, data: bytes | None = None) -> None:
    """Ask the site."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    with (
        suppress(OSError),
        urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as answer,
    ):
        answer.read()


def main(seconds: int = 120) -> int:
    """Run everything and print the peaks. Returns the exit code."""
    with ExitStack() as stack:
        receiver = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Receiver))
        receiver.received = 0
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        upsd, ep20 = stack.enter_context(live_upses())
        broker = stack.enter_context(Broker(Path(stack.enter_context(TemporaryDirectory()))))
        port = free_port()
        sources = {"port": port, "nut": upsd.port, "ep20": ep20.device, "broker": broker.port}
        sources["http"] = receiver.server_address[1]
        folder, gateway = stack.enter_context(installation(1, CONFIG.format(token=TOKEN, **sources)))
        program = Program(
            (sys.executable, "-m", "voltkeeper", "up", "--config", folder / "config.yml"), folder
        )
        stack.callback(program.end)
        connection, _ = gateway.accept()
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: "Voltkeeper is at" in program.text, 60)
        stop, peaks = threading.Event(), Peaks(lambda: (0.0, 0.0))
        stack.callback(stop.set)
        threading.Thread(target=load, args=(url, connection, stop), daemon=True).start()
        until = time.monotonic() + seconds
        request(f"{url}/-/maintenance/daily", b"")
        while time.monotonic() < until:
            sample(program.pid, peaks)
            time.sleep(0.5)
        received = receiver.received
    return report(peaks, received)


def load(url: str, connection, stop: threading.Event) -> None:
    """Messages of the gateway and pages of the site, one after the other."""
    lines, pages = traffic(10**9), cycle(PAGES)
    while not stop.is_set():
        with suppress(OSError):
            connection.sendall("".join(next(lines) for _ in range(LINES_S)).encode())
        request(url + next(pages))
        stop.wait(1)


def report(peaks: Peaks, received: int) -> int:
    """Print the peaks with their limits. Returns 1 where one is above."""
    wrong = [name for name, limit in LIMITS.items() if not 0 < peaks[name][0] <= limit]
    for name, (pss, rss) in sorted(peaks.items(), key=lambda item: item[1]):
        limit = f", limit {LIMITS[name]}" if name in LIMITS else ""
        print(f"{name:10} {pss:6.1f} MiB PSS{limit}, {rss:.1f} RSS{'  TOO MUCH' if name in wrong else ''}")
    print(f"{received} messages and heartbeats received")
    return 1 if wrong or not received else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
