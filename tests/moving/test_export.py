"""Parquet files: what has come since is added, a kill loses and doubles nothing, houses are read together."""

import json
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from tracker_file import make_tracker

from ingest.database import connect, migrate, transaction
from ingest.moving import export
from ingest.moving.export import house_name, join, run_export
from ingest.mysensors.replay import replay

duckdb = pytest.importorskip("duckdb")
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
KILLED = """
import sys
from pathlib import Path
from ingest.config import load_config
from ingest.moving import export
export.STRETCH = 70
sys.exit(export.export_tables(load_config(sys.argv[1]), Path(sys.argv[2]), None))
"""


@pytest.fixture
def full(make_house, tmp_path):
    """A function that makes a house with 2,000 messages, readings and so on."""

    def make(name="house", title="Hill house", seed=7, count=2000, step_s=60.0):
        make_tracker(tmp_path / f"{name}.db", count, step_s=step_s, seed=seed)
        house = make_house(name, title=title)
        house.take(tmp_path / f"{name}.db")
        return house

    return make


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")


def ask(sql):
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


def ids(folder, table="messages"):
    sql = f"select id from read_parquet('{folder}/table={table}/*/*.parquet', hive_partitioning = true) order by id"
    return [row[0] for row in ask(sql)]


def hear(house, lines, at):
    recording = [(at + n, line.encode()) for n, line in enumerate(lines)]
    replay(house.database, "main", "tcp 127.0.0.1:1", recording, "Europe/Rome")


def test_tables_stand_by_table_and_day_with_their_types(full, tmp_path):
    house, folder = full(), tmp_path / "out"
    rows = run_export(house.config, folder)
    assert rows["messages"] == 2000 and rows["nodes"] == 13
    assert "table=messages/day=2026-10-25/part-hill-house.1.1-2000.parquet" in files(folder)
    assert "table=readings_hourly/day=2026-10-25/part-hill-house.parquet" in files(folder)
    assert "table=nodes/part-hill-house.parquet" in files(folder)
    sql = f"select house, day, received_at, id, payload from read_parquet('{folder}/table=messages/*/*.parquet') where id = 2000"
    found = ask(sql)[0]
    at = house.one("select received_at from messages where id = 2000")
    assert found[0] == "hill-house" and str(found[1]) == at[:10] and found[2].isoformat() == at[:19]
    assert found[3:] == (2000, house.one("select payload from messages where id = 2000"))
    values = ask(f"select sum(value), count(value) from read_parquet('{folder}/table=readings/*/*.parquet')")[0]
    assert values == pytest.approx(house.rows("select sum(value), count(value) from readings")[0])


def test_what_has_come_since_is_added_and_nothing_else_written(full, tmp_path):
    house, folder = full(), tmp_path / "out"
    run_export(house.config, folder)
    before = {name: (folder / name).stat().st_mtime_ns for name in files(folder)}
    hear(house, ["1;1;1;0;0;20", "1;1;1;0;0;21"], 1_795_000_000)
    rows = run_export(house.config, folder)
    assert rows["messages"] == 2 and rows["readings"] == 2 and rows["readings_hourly"] == 1
    after = {name: (folder / name).stat().st_mtime_ns for name in files(folder)}
    history = [name for name in before if "day=" in name]
    assert all(after[name] == before[name] for name in history)
    assert ids(folder) == list(range(1, 2003))
    assert "messages" not in run_export(house.config, folder)


def test_an_import_into_a_used_house_is_added_below(make_house, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "STRETCH", 300)
    house, folder = make_house(), tmp_path / "out"
    migrate(house.database)
    hear(house, [f"1;1;1;0;0;{n}" for n in range(50)], 1_795_000_000)
    run_export(house.config, folder)
    make_tracker(tmp_path / "old.db", 1000)
    house.take(tmp_path / "old.db")
    with closing(connect(house.database)) as connection, transaction(connection):  # as if it were still at it
        connection.execute("update imports set finished_at = null, next_id = next_id - 100")
        taken = connection.execute("select * from messages where id >= (select next_id from imports) and id < 1").fetchall()
        connection.execute("delete from messages where id >= (select next_id from imports) and id < 1")
    assert run_export(house.config, folder)["messages"] == 900
    with closing(connect(house.database)) as connection, transaction(connection):
        connection.executemany(f"insert into messages values ({', '.join('?' * len(taken[0]))})", taken)
        connection.execute("update imports set finished_at = 'now', next_id = next_id + 100")
    assert run_export(house.config, folder)["messages"] == 100
    assert ids(folder) == list(range(-999, 51))
    state = json.loads((folder / ".voltkeeper-hill-house.json").read_text())
    assert state["messages"]["stretches"] == [[-999, 50]]


def test_ids_that_are_used_again_are_other_rows(full, tmp_path):
    house, folder = full(), tmp_path / "out"
    run_export(house.config, folder)
    with closing(connect(house.database)) as connection:
        connection.execute("delete from messages where id > 1990")
        connection.execute("delete from imports")
    hear(house, [f"1;1;1;0;0;{n}" for n in range(25)], 1_795_000_000)
    assert run_export(house.config, folder)["messages"] == 25
    assert len(ids(folder)) == 2025
    with closing(connect(house.database)) as connection:
        connection.execute("delete from messages")
    run_export(house.config, folder)
    hear(house, ["1;1;1;0;0;5"], 1_796_000_000)
    assert run_export(house.config, folder)["messages"] == 1
    assert len(ids(folder)) == 2026


def test_killed_at_random_moments_nothing_is_lost_or_twice(full, tmp_path):
    house, folder = full(), tmp_path / "out"
    rnd = random.Random(3)
    command = [sys.executable, "-c", KILLED, str(house.path), str(folder)]
    counts = []
    for _ in range(3):
        before = files(folder)
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        while process.poll() is None and files(folder) == before:
            time.sleep(0.005)
        time.sleep(rnd.uniform(0, 0.08))
        process.send_signal(signal.SIGKILL)
        process.wait()
        counts.append(len(files(folder)))
        for name in files(folder):  # a file with its final name is whole
            assert ask(f"select count(distinct house) from read_parquet('{folder / name}')")[0][0] <= 1
    assert counts == sorted(set(counts))
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True, timeout=60)
    for table in ("messages", "readings", "battery_levels"):
        assert ids(folder, table) == [row[0] for row in house.rows(f"select id from {table} order by id")]


def test_the_query_of_the_readme_reads_two_houses(full, tmp_path, monkeypatch):
    command = next(line for line in README.splitlines() if line.startswith("voltkeeper export"))
    folder = Path(command.split()[2])
    sql = next(block for block in re.findall(r"```sql\n(.*?)```", README, re.S) if "read_parquet" in block)
    assert str(folder) in sql
    monkeypatch.chdir(tmp_path)
    for number, title in enumerate(("Hill house", "Sea cabin")):
        run_export(full(f"house{number}", title, seed=number + 1, count=400).config, folder)
    found = ask(sql)
    assert {row[0] for row in found} == {"hill-house", "sea-cabin"}
    assert all(18 <= row[-1] <= 24 for row in found)


def test_without_duckdb_it_says_how_to_install_it(full, tmp_path, voltkeeper):
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "duckdb.py").write_text("raise ImportError('no such package')\n")
    program = voltkeeper(
        "export", tmp_path / "out", "--config", full().path, PYTHONPATH=f"{tmp_path / 'without'}:{ROOT}"
    )
    assert program.wait() == 1
    assert "pip install 'duckdb" in program.text and not (tmp_path / "out").exists()


def test_the_command_line(full, tmp_path, voltkeeper):
    program = voltkeeper("export", tmp_path / "out", "--config", full().path, "--house", "cabin")
    assert program.wait() == 0 and "messages: 2,000 rows" in program.text
    assert "table=messages/day=2026-10-25/part-cabin.1.1-2000.parquet" in files(tmp_path / "out")
    program = voltkeeper("export", tmp_path / "out", "--config", full("other").path, "--house", "No/where")
    assert program.wait() == 1 and "small letters" in program.text


def test_names_and_stretches():
    assert house_name("Hill house") == "hill-house" and house_name("Дом") == "house"
    assert join([[5, 6], [1, 2], [3, 4], [9, 9]]) == [[1, 6], [9, 9]]
