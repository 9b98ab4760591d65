"""`voltkeeper mute`: makes, lists and ends mutes, each with a row of the audit."""

from contextlib import closing

import pytest
from click.testing import CliRunner

from ingest.db.connection import connect
from ingest.ups.registry import insert
from tests.helpers.new_database import new_database
from voltkeeper.cli import main


@pytest.fixture
def mute(tmp_path):
    """`mute(*arguments)`: (exit code, output) of the command; `mute.rows(sql)` of the database."""
    database = tmp_path / "telemetry.db"
    new_database(database)
    config = tmp_path / "config.yml"
    config.write_text(f"database: {database}\ntimezone: UTC\nnut: [{{name: closet, host: 127.0.0.1}}]\n")
    with closing(connect(database)) as connection:
        insert(connection, "rack@closet", "nut", "closet", "x/rack", "Rack")
        connection.execute("insert into events (event, ups, started_at) values ('ONBATT', 1, '2026-11-30')")

    def run(*arguments):
        result = CliRunner().invoke(main, ["mute", "--config", str(config), *arguments])
        return result.exit_code, result.output

    def rows(sql):
        with closing(connect(database, readonly=True)) as connection:
            return connection.execute(sql).fetchall()

    run.rows = rows
    return run


def test_mutes_are_made_listed_and_ended(mute):
    code, made = mute("--ups", "rack@closet", "--for", "60", "--reason", "new batteries")
    assert code == 0 and made.startswith("Muted: 1: UPS rack@closet until ")
    assert made.endswith(", by command line: new batteries\n")
    code, made = mute("--all", "--until-end")
    assert (code, made) == (0, "Muted: 2: everything until ONBATT of rack@closet ends, by command line\n")
    code, listed = mute()
    assert code == 0 and [line[:3] for line in listed.splitlines()] == ["1: ", "2: "]
    assert mute("--end", "2")[1].startswith("Ended: 2: everything")
    assert mute("--end", "all")[1].startswith("Ended: 1: UPS rack@closet")
    assert mute() == mute("--end", "all") == (0, "Nothing is muted.\n")
    assert mute.rows("select actor, action, subject, detail, outcome from audit order by id") == [
        ("command line", "mute alerts", "UPS rack@closet", "new batteries", "done"),
        ("command line", "mute alerts", "everything", "", "done"),
        ("command line", "end mute", "mute 2", "", "done"),
        ("command line", "end mute", "mute 1", "", "done"),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--ups", "rack@clozet", "--for", "60"), 1, "did you mean 'rack@closet'?"),
        (("--all",), 1, "either --for, in seconds, or --until-end"),
        (("--for", "60"), 1, "one of --ups, --node, --rule, --all; none was given"),
        (("--end", "7"), 1, "There is no active mute 7: `voltkeeper mute` lists them"),
        (("--end", "7", "--all"), 2, "--end stands alone"),
    ],
)
def test_what_cannot_be_done_changes_nothing(mute, arguments, code, message):
    found, output = mute(*arguments)
    assert found == code and message in output
    assert mute.rows("select count(*) from mutes union all select count(*) from audit") == [(0,), (0,)]
