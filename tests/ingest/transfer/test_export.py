"""Parquet files: what has come since is added, a kill loses and doubles nothing, sites are read together."""

import json
import re
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from ingest.config.model import Config
from ingest.config.retention import Retention
from ingest.db.connection import connect, transaction
from ingest.db.locks import LockedError
from ingest.maintenance.backup import back_up
from ingest.maintenance.jobs import run_due
from ingest.maintenance.prune import prune
from ingest.maintenance.retention import plan_before
from ingest.mysensors.replay import replay
from ingest.transfer import lake as lake_module
from ingest.transfer.export_job import export_tables, house_name, run_export
from ingest.transfer.parquet_export import join
from tests.helpers.new_database import new_database
from tests.ingest.transfer.tracker_file import make_tracker

duckdb = pytest.importorskip("duckdb")
ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()


@pytest.fixture
def full(make_site, tmp_path):
    """A function that makes a site with 2,000 messages, readings and so on."""

    def make(name="site", title="Hill house", seed=7, count=2000, step_s=60.0):
        make_tracker(tmp_path / f"{name}.db", count, step_s=step_s, seed=seed)
        site = make_site(name, title=title)
        site.take(tmp_path / f"{name}.db")
        return site

    return make


def files(folder):
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name[0] != "."
    )


def ask(sql):
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


def ids(folder, table="messages"):
    files = f"read_parquet('{folder}/table={table}/*/*.parquet', hive_partitioning = true)"
    sql = f"select id from {files} order by id"
    return [row[0] for row in ask(sql)]


def hear(site, lines, at):
    recording = [(at + n, line.encode()) for n, line in enumerate(lines)]
    replay(site.database, "main", "tcp 127.0.0.1:1", recording, "Europe/Rome")


def test_tables_stand_by_table_and_day_with_their_types(full, tmp_path):
    site, folder = full(), tmp_path / "out"
    rows = run_export(site.config, folder).rows
    assert rows["messages"] == 2000 and rows["nodes"] == 13
    assert "table=messages/day=2026-10-25/part-hill-house.1.1-2000.parquet" in files(folder)
    assert "table=readings_hourly/day=2026-10-25/part-hill-house.parquet" in files(folder)
    assert "table=nodes/part-hill-house.parquet" in files(folder)
    files_of = f"read_parquet('{folder}/table=messages/*/*.parquet')"
    sql = f"select house, day, received_at, id, payload from {files_of} where id = 2000"
    found = ask(sql)[0]
    at = site.one("select received_at from messages where id = 2000")
    assert found[0] == "hill-house" and str(found[1]) == at[:10] and found[2].isoformat() == at[:19]
    assert found[3:] == (2000, site.one("select payload from messages where id = 2000"))
    values = ask(f"select sum(value), count(value) from read_parquet('{folder}/table=readings/*/*.parquet')")[
        0
    ]
    assert values == pytest.approx(site.rows("select sum(value), count(value) from readings")[0])


def test_what_has_come_since_is_added_and_nothing_else_written(full, tmp_path):
    site, folder = full(), tmp_path / "out"
    run_export(site.config, folder)
    before = {name: (folder / name).stat().st_mtime_ns for name in files(folder)}
    hear(site, ["1;1;1;0;0;20", "1;1;1;0;0;21"], 1_795_000_000)
    rows = run_export(site.config, folder).rows
    assert rows["messages"] == 2 and rows["readings"] == 2 and rows["readings_hourly"] == 1
    after = {name: (folder / name).stat().st_mtime_ns for name in files(folder)}
    history = [name for name in before if "day=" in name]
    assert all(after[name] == before[name] for name in history)
    assert ids(folder) == list(range(1, 2003))
    assert "messages" not in run_export(site.config, folder).rows


def test_an_import_into_a_used_house_is_added_below(make_site, tmp_path):
    site, folder = make_site(), tmp_path / "out"
    new_database(site.database)
    hear(site, [f"1;1;1;0;0;{n}" for n in range(50)], 1_795_000_000)
    run_export(site.config, folder, range_rows=300)
    make_tracker(tmp_path / "old.db", 1000)
    site.take(tmp_path / "old.db")
    with closing(connect(site.database)) as connection, transaction(connection):  # as if it were still at it
        connection.execute("update imports set finished_at = null, next_id = next_id - 100")
        taken = connection.execute(
            "select * from messages where id >= (select next_id from imports) and id < 1"
        ).fetchall()
        connection.execute("delete from messages where id >= (select next_id from imports) and id < 1")
    assert run_export(site.config, folder, range_rows=300).rows["messages"] == 900
    with closing(connect(site.database)) as connection, transaction(connection):
        connection.executemany(f"insert into messages values ({', '.join('?' * len(taken[0]))})", taken)
        connection.execute("update imports set finished_at = 'now', next_id = next_id + 100")
    assert run_export(site.config, folder, range_rows=300).rows["messages"] == 100
    assert ids(folder) == list(range(-999, 51))
    state = json.loads((folder / ".voltkeeper-hill-house.json").read_text())
    assert state["messages"]["stretches"] == [[-999, 50]]


def test_ids_that_are_used_again_are_other_rows(full, tmp_path):
    site, folder = full(), tmp_path / "out"
    run_export(site.config, folder)
    with closing(connect(site.database)) as connection:
        connection.execute("delete from messages where id > 1990")
        connection.execute("delete from imports")
    hear(site, [f"1;1;1;0;0;{n}" for n in range(25)], 1_795_000_000)
    assert run_export(site.config, folder).rows["messages"] == 25
    assert len(ids(folder)) == 2025
    with closing(connect(site.database)) as connection:
        connection.execute("delete from messages")
    run_export(site.config, folder)
    hear(site, ["1;1;1;0;0;5"], 1_796_000_000)
    assert run_export(site.config, folder).rows["messages"] == 1
    assert len(ids(folder)) == 2026


def times_of(folder, table="messages", column="received_at"):
    """Rows of all files as (id, time), in order."""
    return read_times(f"{folder}/table={table}/*/*.parquet", column)


def read_times(files, column):
    sql = (
        f'select id, strftime("{column}", '
        f"'%Y-%m-%dT%H:%M:%S.%gZ') from read_parquet({files!r}) order by 2, 1"
    )
    return ask(sql)


class Lake:
    """A site and its DIR; `everything` is what was ever in the site's tables, by table."""

    TABLES = MappingProxyType(
        {
            "messages": "received_at",
            "readings": "received_at",
            "battery_levels": "received_at",
            "oddities": "at",
        }
    )

    def __init__(self, site, folder):
        self.site, self.folder = site, folder
        self.everything = {table: set() for table in self.TABLES}

    def export(self):
        for table, column in self.TABLES.items():
            self.everything[table] |= set(self.site.rows(f"select id, {column} from {table}"))
        rows = run_export(self.site.config, self.folder).rows
        for table, column in self.TABLES.items():
            found = times_of(self.folder, table, column) if self.everything[table] else []
            assert found == sorted(self.everything[table], key=lambda row: (row[1], row[0])), table
        return rows

    def delete(self, kind, key):
        with closing(connect(self.site.database)) as connection, transaction(connection):
            connection.execute("insert into deletions (kind, key, subject) values (?, ?, 'it')", (kind, key))
        run_due(
            Config(
                database=self.site.database,
                timezone="UTC",
                retention=Retention(None, None, None, None, None),
            )
        )


@pytest.fixture
def lake(make_site, tmp_path):
    site = make_site("lake")
    new_database(site.database)
    return Lake(site, tmp_path / "out")


def chat(node, first, count):
    """Lines of which some are values, some battery levels and some are odd."""
    for number in range(first, first + count):
        yield (
            f"{node};255;3;0;0;{number % 100}",
            f"{node};1;1;0;0;{number}",
            f"{node};1;1;0;250;odd",
            f"{node};1;2;0;0;",
        )[number % 4]


NOW = 1_795_000_000


@pytest.mark.parametrize("wrong", [0, 86400 * 400, -86400 * 400])
@pytest.mark.parametrize("again", [3, 40, 400])
def test_a_node_with_the_newest_rows_is_deleted_and_its_ids_are_used_again(lake, wrong, again):
    """Also where the clock was wrong for a while, before or after it."""
    hear(lake.site, chat(1, 0, 100), NOW)
    hear(lake.site, chat(1, 0, 4), NOW + (1000 if wrong < 0 else wrong))
    hear(lake.site, chat(2, 0, 50), NOW + 2000)
    lake.export()
    lake.delete("node", 2)
    hear(lake.site, chat(1, 0, again), NOW + (wrong if wrong < 0 else 4000))
    lake.export()
    lake.delete("node", 1)
    hear(lake.site, chat(3, 0, 8), NOW + 9000)
    lake.export()
    assert "messages" not in lake.export()


def test_rows_deleted_before_they_were_exported_and_a_table_that_was_empty_for_a_while(lake):
    hear(lake.site, chat(1, 0, 20), NOW)
    lake.export()
    hear(lake.site, chat(2, 0, 20), NOW + 100)
    lake.delete("node", 2)
    hear(lake.site, chat(1, 20, 12), NOW + 200)
    lake.export()
    lake.delete("node", 1)
    lake.export()
    hear(lake.site, chat(4, 0, 100), NOW + 300)
    lake.export()


def test_after_a_prune_what_moves_in_comes_into_its_days(lake, tmp_path):
    day = 86400
    for number in range(60):
        hear(lake.site, chat(1, 0, 40), NOW + number * day)
    lake.export()
    before = files(lake.folder)
    with closing(connect(lake.site.database)) as connection, transaction(connection):
        connection.execute("update chores set outcome = 'done'")
    late = NOW + 60 * day
    prune(lake.site.database, lambda connection: plan_before(connection, late - 30 * day, late), "test")
    make_tracker(tmp_path / "old.db", 500, step_s=3600.0)
    lake.site.take(tmp_path / "old.db")
    hear(lake.site, chat(1, 0, 8), late)
    rows = lake.export()
    assert rows["messages"] == 508
    added = {
        name.split("/")[1]
        for name in set(files(lake.folder)) - set(before)
        if name.startswith("table=messages")
    }
    assert len(added) == 23  # the days of the tracker, and today
    assert set(before) <= set(files(lake.folder))


def test_an_older_copy_of_the_file_is_put_in_its_place(lake, tmp_path, capsys):
    hear(lake.site, chat(1, 0, 100), NOW)
    back_up(lake.site.database, tmp_path / "copy.db")
    hear(lake.site, chat(1, 0, 100), NOW + 1000)
    make_tracker(tmp_path / "old.db", 100)
    lake.site.take(tmp_path / "old.db")
    lake.export()
    for suffix in ("-wal", "-shm"):
        Path(f"{lake.site.database}{suffix}").unlink(missing_ok=True)
    (tmp_path / "copy.db").rename(lake.site.database)
    hear(lake.site, chat(1, 0, 60), NOW + 5000)
    assert export_tables(lake.site.config, lake.folder, None) == 0
    told = capsys.readouterr().out
    assert "an older copy was put in its place" in told and "messages: 60 rows" in told
    lake.export()
    lake.site.take(tmp_path / "old.db")  # the same once more
    assert "messages" not in lake.export()
    hear(lake.site, chat(2, 0, 60), NOW + 6000)
    lake.export()


def test_another_file_moves_in_where_the_first_had_been(lake, tmp_path):
    hear(lake.site, chat(1, 0, 10), NOW)
    back_up(lake.site.database, tmp_path / "copy.db")
    make_tracker(tmp_path / "one.db", 100, seed=1)
    lake.site.take(tmp_path / "one.db")
    lake.export()
    for suffix in ("-wal", "-shm"):
        Path(f"{lake.site.database}{suffix}").unlink(missing_ok=True)
    (tmp_path / "copy.db").rename(lake.site.database)
    make_tracker(tmp_path / "two.db", 100, seed=2, start=datetime(2026, 5, 1))
    lake.site.take(tmp_path / "two.db")
    lake.export()


def test_where_the_files_were_taken_away_only_what_is_new_is_written(lake, tmp_path):
    hear(lake.site, chat(1, 0, 100), NOW)
    hear(lake.site, chat(2, 0, 50), NOW + 2000)
    lake.export()
    for path in lake.folder.rglob("*.parquet"):
        path.unlink()
    lake.delete("node", 2)
    hear(lake.site, chat(1, 0, 80), NOW + 4000)
    make_tracker(tmp_path / "old.db", 200)
    lake.site.take(tmp_path / "old.db")
    assert run_export(lake.site.config, lake.folder).rows["messages"] == 280
    assert "messages" not in run_export(lake.site.config, lake.folder).rows


@pytest.mark.parametrize("moment", range(8))
def test_killed_and_then_a_node_is_deleted(lake, monkeypatch, moment):
    hear(lake.site, chat(1, 0, 60), NOW)
    hear(lake.site, chat(2, 0, 40), NOW + 86400)
    for table, column in lake.TABLES.items():
        lake.everything[table] |= set(lake.site.rows(f"select id, {column} from {table}"))
    written = []
    keep = lake_module.rename_synced

    def killed(half, path):
        if len(written) == moment:
            raise KeyboardInterrupt
        keep(half, path)
        written.append(path)

    monkeypatch.setattr(lake_module, "rename_synced", killed)
    with pytest.raises(KeyboardInterrupt):
        run_export(lake.site.config, lake.folder)
    monkeypatch.setattr(lake_module, "rename_synced", keep)
    lake.delete("node", 2)
    hear(lake.site, chat(1, 0, 60), NOW + 86500)
    for table, column in lake.TABLES.items():  # what was deleted before it stood in a file is nowhere
        waiting = [str(path) for path in lake.folder.glob(f".voltkeeper-*/*={table}%2F*.staged")]
        lake.everything[table] = set(read_times(waiting, column)) if waiting else set()
    lake.export()
    assert not list(lake.folder.rglob("*.half"))


def test_what_the_house_forgets_of_a_day_stays_in_its_file(site, tmp_path):
    """Polls go after some days, in the middle of a day; the other rows of it change, too."""
    new_database(site.database)
    with closing(connect(site.database)) as connection:
        connection.execute(
            "insert into ups (id, name, driver, source, label) values (1, 'rack', 'nut', 'x', 'Rack')"
        )
        for hour in range(10):
            at = f"2026-05-01T{hour:02}:00:00.000Z"
            connection.execute(
                "insert into polls (ups, started_at, ended_at, count, outcome) values (1, ?, ?, 5, 'ok')",
                (at, at),
            )
        run_export(site.config, tmp_path / "out")
        connection.execute("delete from polls where id <= 4")
        connection.execute("update polls set count = 9 where id = 10")
    run_export(site.config, tmp_path / "out")
    found = ask(
        f"select count(*), count(distinct started_at), sum(count) from "
        f"read_parquet('{tmp_path / 'out'}/table=polls/*/*.parquet')"
    )
    assert found == [(10, 10, 54)]


def test_the_query_of_the_readme_reads_two_houses(full, tmp_path, monkeypatch):
    command = next(line for line in README.splitlines() if line.startswith("voltkeeper export"))
    folder = Path(command.split()[2])
    sql, whole = (block for block in re.findall(r"```sql\n(.*?)```", README, re.S) if "read_parquet" in block)
    assert str(folder) in sql
    monkeypatch.chdir(tmp_path)
    for number, title in enumerate(("Hill house", "Sea cabin")):
        run_export(full(f"site{number}", title, seed=number + 1, count=400).config, folder)
    found = ask(sql)
    assert {row[0] for row in found} == {"hill-house", "sea-cabin"}
    assert all(18 <= row[-1] <= 24 for row in found)
    everything = ask(
        f"select house, count(*) from read_parquet('{folder}/table=readings/*/*.parquet') group by 1"
    )
    assert sorted(ask(whole)) == sorted(everything) and len(everything) == 2


def test_without_duckdb_it_says_how_to_install_it(full, tmp_path, voltkeeper):
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "duckdb.py").write_text("raise ImportError('no such package')\n")
    program = voltkeeper(
        "export", tmp_path / "out", "--config", full().path, PYTHONPATH=f"{tmp_path / 'without'}:{ROOT}"
    )
    assert program.wait() == 1
    assert "pip install 'duckdb" in program.text and not (tmp_path / "out").exists()


def test_one_export_of_a_house_at_a_time(full, tmp_path, monkeypatch):
    """The second one leaves alone what the first has under way."""
    site, folder = full(count=200), tmp_path / "out"
    keep, tried = lake_module.rename_synced, []

    def meanwhile(half, path):
        if not tried:
            tried.append(path)
            with pytest.raises(LockedError, match="Another export"):
                run_export(site.config, folder)
        keep(half, path)

    monkeypatch.setattr(lake_module, "rename_synced", meanwhile)
    run_export(site.config, folder)
    assert tried and ids(folder) == list(range(1, 201))
    left = sorted(path.name for path in folder.iterdir() if path.is_file())
    assert left == [".voltkeeper-hill-house.json", ".voltkeeper-hill-house.lock"]


def test_the_command_line(full, tmp_path, voltkeeper):
    program = voltkeeper("export", tmp_path / "out", "--config", full().path, "--house", "cabin")
    assert program.wait() == 0 and "messages: 2,000 rows" in program.text
    assert "table=messages/day=2026-10-25/part-cabin.1.1-2000.parquet" in files(tmp_path / "out")
    program = voltkeeper("export", tmp_path / "out", "--config", full("other").path, "--house", "No/where")
    assert program.wait() == 1 and "small letters" in program.text


def test_names_and_ranges():
    assert house_name("Hill house") == "hill-house" and house_name("Дом") == "house"
    assert join([[5, 6], [1, 2], [3, 4], [9, 9]]) == [[1, 6], [9, 9]]
