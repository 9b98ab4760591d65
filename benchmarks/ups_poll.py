"""CPU and memory of ingest that polls 20 UPSes on 5 NUT servers every 2 s.

    python benchmarks/ups_poll.py [SECONDS] [POLL_S]

POLL_S (2) is the interval of polls for all variables; the default of the config is 10. The servers run in
another process.
"""

import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from common import ROOT, resource_usage, scalar

SERVERS, UPSES = 5, 4
SERVE = f"""
import sys, threading
sys.path.insert(0, {str(ROOT)!r})
from ingest.demo.ups.models import demo_upses
from ingest.demo.ups.upsd import DemoUpsd
models = list(demo_upses().values())
upses = {{f"ups{{n}}": models[n % len(models)] for n in range({UPSES})}}
servers = [DemoUpsd(dict(upses)) for _ in range({SERVERS})]
print(*[server.port for server in servers], flush=True)
sys.stdin.read()
"""


@contextmanager
def reading(folder):
    """The real ingest process; its log goes to a file, because an unread pipe would fill up."""
    with open(folder / "ingest.log", "w") as log:
        command = [sys.executable, "-m", "voltkeeper", "ingest", "--config", str(folder / "config.yml")]
        process = subprocess.Popen(command, cwd=ROOT, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def main(seconds=60, poll_s=2):
    serving = subprocess.Popen(
        [sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        ports = serving.stdout.readline().split()
        entries = "\n".join(
            f"  - {{name: server{n}, port: {port}, poll_s: {poll_s}, status_s: 2}}"
            for n, port in enumerate(ports)
        )
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "config.yml").write_text(f"database: telemetry.db\nnut:\n{entries}\n")
            with reading(folder) as process:
                sleep(6)
                database = folder / "telemetry.db"
                samples, polls = (
                    scalar(database, "select count(*) from ups_samples"),
                    scalar(database, "select sum(count) from polls"),
                )
                before = resource_usage(process.pid)
                sleep(seconds)
                after = resource_usage(process.pid)
                samples = scalar(database, "select count(*) from ups_samples") - samples
                polls = scalar(database, "select sum(count) from polls") - polls
                failed = scalar(database, "select count(*) from polls where outcome <> 'ok'")
        upses = SERVERS * UPSES
        print(
            f"{upses} UPSes on {SERVERS} servers, all variables every {poll_s} s, status every 2 s, "
            f"for {seconds} s"
        )
        print(f"CPU {100 * (after[0] - before[0]) / seconds:.1f} % of a core (less than 5)")
        print(f"RSS {after[2]:.0f} MiB (less than 70)")
        print(
            f"samples {samples / seconds:.1f} per second, polls {polls / seconds:.1f}, "
            f"runs of failed polls {failed}"
        )
        print(f"written {(after[1] - before[1]) / max(samples, 1):,.0f} bytes a sample")
    finally:
        serving.stdin.close()
        serving.wait(10)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
