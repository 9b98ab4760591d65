"""Check of a container image: the site answers at /api/health, and an import stores its rows.

Run in the image: `python deploy/check_image.py`; `deploy/build-images` does, for each platform. Prints what
it has seen, or ends with exit code 1 and the reason.
"""

import json
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

VOLTKEEPER = Path(sys.executable).with_name("voltkeeper")
START_S = 900.0  # an emulated processor is slow
STOP_S = 120.0
HISTORY = "received_at,node_id,child_id,type,value\n2026-01-01T00:00:00Z,7,1,V_TEMP,20.5\n"
ROWS = [{"node_id": 7, "child_id": 1, "type_name": "V_TEMP", "payload": "20.5"}]


def read_json(url: str) -> object:
    """What a URL of the site answers. Raises OSError while it does not."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def wait_for_health(url: str, site: subprocess.Popen[bytes]) -> None:
    """Return when the site answers. Raises RuntimeError when it ends instead, or takes too long."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and site.poll() is None:
        try:
            answer = read_json(f"{url}/api/health")
        except OSError:
            time.sleep(1)
            continue
        if not isinstance(answer, dict) or answer.get("status") != "running":
            raise RuntimeError(f"/api/health answers {answer}")
        return
    code = site.poll()
    ended = f"the program has ended with {code}, for the reason above"
    raise RuntimeError(ended if code is not None else f"the site does not answer within {START_S:.0f} s")


def import_history(url: str, folder: Path) -> None:
    """Import a file and read its row from the site. Raises RuntimeError."""
    file = folder / "history.csv"
    file.write_text(HISTORY, encoding="utf-8")
    if subprocess.run([VOLTKEEPER, "import", file], cwd=folder).returncode != 0:
        raise RuntimeError("the import has failed")
    columns = "".join(f"&_col={name}" for name in ROWS[0])
    rows = read_json(f"{url}/telemetry/messages.json?_shape=array{columns}")
    stored = [{name: row[name] for name in ROWS[0]} for row in rows] if isinstance(rows, list) else rows
    if stored != ROWS:
        raise RuntimeError(f"the import has stored {stored}, not {ROWS}")


def check(folder: Path) -> None:
    """Run the program in a folder and look at it. Raises RuntimeError."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (folder / "config.yml").write_text(
        f"database: telemetry.db\nweb: {{port: {port}}}\ngateways: [{{name: main, tcp: '127.0.0.1:1'}}]\n",
        encoding="utf-8",
    )
    url = f"http://127.0.0.1:{port}"
    site = subprocess.Popen([VOLTKEEPER, "up"], cwd=folder)
    try:
        wait_for_health(url, site)
        import_history(url, folder)
        site.terminate()
        if (code := site.wait(STOP_S)) != 0:
            raise RuntimeError(f"the program has ended with {code}")
    finally:
        site.kill()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        try:
            check(Path(scratch))
        except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
            sys.exit(f"{platform.machine()}: {error}")
    print(f"{platform.machine()}, Python {platform.python_version()}: healthy, and an import is stored")
