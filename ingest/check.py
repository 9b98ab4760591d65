"""`voltkeeper check` and `voltkeeper status`: each setting and source as one line, each failure with its remedy."""

import errno
import json
import os
import shutil
import socket
import sqlite3
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime

from ingest.database import connect, utc
from ingest.mysensors.transport import REMEDIES
from ingest.status import LATE_S

LOW_DISK_MB = 500
SPEAK_S = 5.0
ROUTES = (
    "/", "/nodes", "/telemetry", "/telemetry/nodes.json", "/telemetry/stale_nodes.json", "/telemetry/battery_age.json",
    "/telemetry/strange_messages.json", "/telemetry/message_statistics.json", "/-/pulse.json",
)  # fmt: skip


class Report:
    """Prints a line for each thing that was looked at and remembers whether one failed."""

    def __init__(self, say):
        self._say = say
        self.failed = False

    def good(self, what, words):
        self._say(f"ok      {what}: {words}")

    def note(self, what, words):
        self._say(f"note    {what}: {words}")

    def bad(self, what, words, remedy=""):
        self.failed = True
        self._say(f"FAILED  {what}: {words}" + (f". {remedy}" if remedy else ""))


def check_config(config, say):
    """Look at every setting and source of the config. Returns the exit code."""
    report = Report(say)
    report.good("timezone", f"{config.timezone}, now {datetime.now(UTC).astimezone():%Y-%m-%d %H:%M %Z}")
    rows = _check_database(report, config.database)
    for gateway in config.gateways:
        row = rows.get(gateway.name)
        if row and _is_fresh(row["heartbeat_at"]):
            _check_row(report, gateway, row)
        elif gateway.tcp:
            _check_tcp(report, gateway)
        else:
            _check_serial(report, gateway)
    if not config.gateways:
        report.note("gateways", "none configured; add one under gateways:")
    _check_web(report, config.web)
    access = config.access
    if access.people or access.tokens:
        names = [one.name for one in (*access.people, *access.tokens)]
        report.good("access", f"reading: {access.read}; writing: {', '.join(names)}")
    elif access.read == "signed-in":
        report.bad("access", "reading needs a sign-in but nobody can sign in", "Add a person under access: people:")
    else:
        report.note("access", "nobody may write: add people and tokens under access: to turn writing on")
    return int(report.failed)


def _check_database(report, path):
    """Returns the rows of ingest_status by source."""
    what = f"database {path}"
    folder = next(parent for parent in path.parents if parent.exists())
    if not os.access(folder, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
        report.bad(what, f"{folder} cannot be written to", "Change its owner, or run as the user that owns it")
        return {}
    free_mb = shutil.disk_usage(folder).free / 1e6
    if free_mb < LOW_DISK_MB:
        report.bad("disk", f"{free_mb:.0f} MB free", "Make room: a full disk stops recording")
    else:
        report.good("disk", f"{free_mb / 1000:.1f} GB free")
    if not path.exists():
        report.note(what, "is not there yet; ingest or the web site makes it")
        return {}
    try:
        connection = connect(path, readonly=True)
        whole = connection.execute("pragma quick_check(1)").fetchone()[0]
        connection.row_factory = sqlite3.Row
        rows = {row["source"]: row for row in connection.execute("select * from ingest_status")}
        connection.close()
    except sqlite3.DatabaseError as error:
        report.bad(what, f"cannot be read: {error}", "Restore a copy, or move it away: a new one is made")
        return {}
    if whole != "ok":
        report.bad(what, f"is damaged: {whole}", "Restore a copy")
    else:
        report.good(what, f"whole, {path.stat().st_size / 1e6:.1f} MB")
    return rows


def _check_row(report, gateway, row):
    """Ingest runs and says how the gateway fares: asking it ourselves could take its only place for a client."""
    what = f"gateway {gateway.name} ({gateway.address})"
    since = f"since {row['since_at']}"
    if row["state"] == "connected":
        report.good(what, f"connected {since}, {row['received']:,} lines, {row['rejected']:,} refused")
    else:
        report.bad(what, f"{row['state']} {since}: {row['detail']}")


def _check_tcp(report, gateway):
    what = f"gateway {gateway.name} ({gateway.address})"
    host, _, port = gateway.tcp.rpartition(":")
    try:
        connection = socket.create_connection((host.strip("[]"), int(port)), SPEAK_S)
    except TimeoutError:
        return report.bad(what, f"no answer within {SPEAK_S:.0f} s", "Is the gateway on, is the address right?")
    except OSError as error:
        return report.bad(what, error.strerror or str(error), REMEDIES.get(error.errno, ""))
    with connection:
        connection.settimeout(SPEAK_S)
        try:
            if gateway.controller:
                connection.sendall(b"0;255;3;0;2;\n")
            data = connection.recv(4096)
        except TimeoutError:
            return report.bad(what, f"open, but it says nothing within {SPEAK_S:.0f} s", "Is it a MySensors gateway?")
        except OSError:  # reset: hung up on us, as below
            data = b""
    if not data:
        return report.bad(
            what, "closed the connection at once", "Another program holds its only place for a client: stop that one"
        )
    report.good(what, f"speaks: {data.splitlines()[0].decode(errors='replace')}")


def _check_serial(report, gateway):
    import serial

    what = f"gateway {gateway.name} ({gateway.address})"
    if not os.path.exists(gateway.serial):
        return report.bad(what, "no such device", REMEDIES[errno.ENOENT].capitalize())
    if not os.access(gateway.serial, os.R_OK | os.W_OK):
        return report.bad(what, "permission denied", "Add the user to the group dialout and sign in again")
    try:
        with serial.Serial(gateway.serial, gateway.baudrate, timeout=SPEAK_S, exclusive=True) as port:
            if gateway.controller:
                port.write(b"0;255;3;0;2;\n")
            line = port.readline()
    except OSError as error:
        return report.bad(what, str(error), "Stop the other program that has the port open")
    if not line:
        return report.bad(what, f"open, but it says nothing within {SPEAK_S:.0f} s", "Is the baud rate right?")
    report.good(what, f"speaks: {line.decode(errors='replace').strip()}")


def _check_web(report, web):
    what = f"web {web.host}:{web.port}"
    try:
        socket.create_server((web.host, web.port)).close()
    except OSError as error:
        if _answers(f"http://{web.host}:{web.port}") is None:
            return report.bad(what, f"{error.strerror}, by a program that is not ours", "Choose another web: port:")
        return report.good(what, "the site is running")
    report.good(what, "free")
    if web.host not in ("127.0.0.1", "::1", "localhost"):
        report.note(what, "reachable from other machines")


def _answers(url):
    """The pulse of a running site, or None."""
    try:
        with urllib.request.urlopen(f"{url}/-/pulse.json", timeout=SPEAK_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return {} if error.code == 403 else None
    except (OSError, ValueError):
        return None


def check_url(url, say):
    """Ask the routes of a running site. Returns the exit code."""
    report = Report(say)
    for route in ROUTES:
        start = time.perf_counter()
        try:
            with urllib.request.urlopen(url.rstrip("/") + route, timeout=30) as answer:
                size = len(answer.read())
            report.good(route, f"{size:,} bytes in {1000 * (time.perf_counter() - start):.0f} ms")
        except urllib.error.HTTPError as error:
            report.bad(route, f"{error.code} {error.reason}", "Reading needs a sign-in here" if error.code == 403 else "")
        except OSError as error:
            report.bad(route, str(getattr(error, "reason", error)), "Is the site running, is the address right?")
    return int(report.failed)


def show_status(config, say):
    """What runs, since when, how fresh. Returns 0 when ingest runs, else 1."""
    pulse = _answers(f"http://{config.web.host}:{config.web.port}")
    say(f"web     {'running' if pulse is not None else 'not running'} at http://{config.web.host}:{config.web.port}/")
    rows = []
    if config.database.exists():
        connection = connect(config.database, readonly=True)
        connection.row_factory = sqlite3.Row
        try:
            rows = connection.execute("select * from ingest_status order by source").fetchall()
        except sqlite3.OperationalError:
            rows = []
        finally:
            connection.close()
    running = False
    for row in rows:
        fresh = _is_fresh(row["heartbeat_at"]) and row["state"] != "stopped"
        running = running or fresh
        state = f"{row['state']} since {row['since_at']}" if fresh else f"not read since {row['heartbeat_at']}"
        data = f"last data {row['last_data_at']}" if row["last_data_at"] else "no data yet"
        error = f"; {row['detail']}" if fresh and row["state"] != "connected" else ""
        say(f"ingest  {row['source']} ({row['address']}): {state}, {data}{error}")
    if not rows:
        say(f"ingest  never ran on {config.database}")
    return 0 if running else 1


def _is_fresh(at):
    return at >= utc(time.time() - LATE_S)
