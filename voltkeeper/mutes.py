"""`voltkeeper mute`: list, make and end mutes of alerts."""

import re
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing

from ingest.config.alerts import Alerts
from ingest.config.model import Config
from ingest.db.connection import connect, transaction
from ingest.db.problems import find_problem
from ingest.errors import VoltkeeperError
from ingest.schema.migrate import migrate
from outbound.alerts.mute_requests import MuteError, MuteFields, parse_mute
from outbound.alerts.mutes import Mute, active_mutes, add_mute, end_mute
from voltkeeper.alert_state import describe_until
from voltkeeper.maintenance import COMMAND_LINE

ALL = "all"
OPTIONS = {  # what the API calls by other names
    "ups, node, rule, everything": "--ups, --node, --rule, --all",
    **{"until=end": "--until-end", "for_s": "--for"},
}
OPTION = re.compile("|".join(OPTIONS))


def run_mute(config: Config, fields: MuteFields, reason: str = "") -> int:
    """Mute something, and print until when. Returns the exit code."""

    def write(connection: sqlite3.Connection) -> None:
        request = parse_mute(connection, config.alerts or Alerts(), fields)
        number = add_mute(
            connection,
            request.scope,
            COMMAND_LINE,
            for_s=request.for_s,
            event=request.event,
            reason=reason,
        )
        _audit(connection, "mute alerts", str(request.scope), reason)
        made = next(one for one in active_mutes(connection) if one.id == number)
        print(f"Muted: {_line(connection, made, config.timezone)}")

    return _write(config, write)


def run_end_mute(config: Config, which: str) -> int:
    """End the mute of this number, or `all`. Returns the exit code."""

    def write(connection: sqlite3.Connection) -> None:
        found = [one for one in active_mutes(connection) if which in (ALL, str(one.id))]
        if not found and which != ALL:
            raise MuteError(f"There is no active mute {which}: `voltkeeper mute` lists them")
        for mute in found:
            end_mute(connection, mute.id, COMMAND_LINE)
            _audit(connection, "end mute", f"mute {mute.id}", "")
            print(f"Ended: {_line(connection, mute, config.timezone)}")
        if not found:
            print("Nothing is muted.")

    return _write(config, write)


def run_list_mutes(config: Config) -> int:
    """Print the active mutes. Returns the exit code."""

    def write(connection: sqlite3.Connection) -> None:
        mutes = active_mutes(connection)
        for mute in mutes:
            print(_line(connection, mute, config.timezone))
        if not mutes:
            print("Nothing is muted.")

    return _write(config, write)


def _write(config: Config, work: Callable[[sqlite3.Connection], None]) -> int:
    if not config.database.exists():
        print(f"{config.database}: no such file: nothing has been stored yet", file=sys.stderr)
        return 1
    try:
        migrate(config.database)
        with closing(connect(config.database)) as connection, transaction(connection):
            work(connection)
    except MuteError as error:
        print(OPTION.sub(lambda found: OPTIONS[found[0]], str(error)), file=sys.stderr)
        return 1
    except VoltkeeperError as error:
        print(error, file=sys.stderr)
        return 1
    except (OSError, sqlite3.Error) as error:
        print(f"Nothing was changed: {find_problem(config.database, error)}", file=sys.stderr)
        return 1
    return 0


def _line(connection: sqlite3.Connection, mute: Mute, timezone: str) -> str:
    """`3: UPS rack@closet until 30 Nov 2026 14:00:00, by owner: new batteries`."""
    end = describe_until(connection, mute, timezone)
    reason = f": {mute.reason}" if mute.reason else ""
    return f"{mute.id}: {mute.scope} {end}, by {mute.muted_by or 'nobody'}{reason}"


def _audit(connection: sqlite3.Connection, action: str, subject: str, detail: str) -> None:
    connection.execute(
        "insert into audit (actor, action, subject, detail, outcome) values (?, ?, ?, ?, 'done')",
        (COMMAND_LINE, action, subject, detail),
    )
