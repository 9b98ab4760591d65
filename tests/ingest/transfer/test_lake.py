"""A lake is whole at every moment: kill -9 at every stage, a folder and a store, names and errors."""

import json
import os
import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ingest.db.connection import connect
from ingest.transfer import store_lake
from ingest.transfer.export_job import export_tables, run_export
from ingest.transfer.lake import FolderLake
from ingest.transfer.lake_schema import lake_schema
from ingest.transfer.parquet_export import CURRENT, HISTORY, SUMMED
from ingest.transfer.records import TransferError
from tests.ingest.transfer.test_export import ask, files, hear

duckdb = pytest.importorskip("duckdb")
NOW = 1_795_000_000
COUNTED = ("messages", "readings", "battery_levels")


@pytest.fixture
def used(make_site):
    """A function that makes a site with 90 messages of two days, or adds such."""

    def make(name="site", title="Hill house", site=None, at=NOW):
        site = site or make_site(name, title=title)
        for day in range(2):
            hear(site, [f"1;1;1;0;0;{n}" for n in range(40)], at + 86400 * day)
            hear(site, [f"1;255;3;0;0;{n}" for n in range(5)], at + 86400 * day + 100)
        return site

    return make


def listed(folder, house="hill-house"):
    """Table -> rows of the last complete set, read as a program reads it; {} for none."""
    site = folder / f"table=sites/part-{house}.parquet"
    manifest = folder / f"table=files/part-{house}.parquet"
    if not (site.exists() and manifest.exists() and ask(f"select complete from '{site}'")[0][0]):
        return {}
    found = {}
    for table, name, rows in ask(f"select table_name, file, rows from '{manifest}' order by file"):
        assert ask(f"select count(*) from read_parquet('{folder / name}')")[0][0] == rows, name
        found[table] = found.get(table, 0) + rows
    return {table: found[table] for table in COUNTED}


def stored(site):
    return {table: site.one(f"select count(*) from {table}") for table in COUNTED}


def seen(folder):
    """Table -> rows of the files that a reader sees, each once."""
    found = {}
    for table in COUNTED:
        names = list(folder.glob(f"table={table}/*/*.parquet"))
        if names:
            found[table], ids = ask(
                f"select count(*), count(distinct id) from read_parquet({[str(name) for name in names]!r})"
            )[0]
            assert found[table] == ids, table
    return found


def killed_at(step, config, folder):
    """Export in a child that ends itself with SIGKILL at a step. True where it came to its end before."""
    child = os.fork()
    if child == 0:
        left = step
        for owner, name in (
            (FolderLake, "add"),
            (FolderLake, "put"),
            (FolderLake, "save_state"),
            (os, "rename"),
        ):
            owner_of, plain = owner, getattr(owner, name)

            def stop(*words, plain=plain):
                nonlocal left
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return plain(*words)

            setattr(owner_of, name, stop)
        Path.replace = lambda path, other: os.rename(path, other)
        try:
            run_export(config, folder)
        except BaseException:
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code == 0


def test_kill_9_at_every_stage_shows_nothing_or_everything(used, tmp_path):
    """Nothing shows until all is written; a kill while names are given leaves the last set, or says so."""
    site, folder = used(), tmp_path / "out"
    step = 3
    while not killed_at(step, site.config, folder):
        assert listed(folder) in ({}, stored(site))
        assert not seen(folder) or (folder / "table=sites/part-hill-house.parquet").exists(), "not announced"
        step += 17
    assert step > 60 and listed(folder) == seen(folder) == stored(site)
    before = stored(site)
    used(site=site, at=NOW + 86400 * 5)
    step = 3
    while not killed_at(step, site.config, folder):
        assert listed(folder) in ({}, before, stored(site)), step
        step += 31
    assert listed(folder) == seen(folder) == stored(site)
    assert not list(folder.rglob("*.staged")) and not list(folder.rglob("half*"))


def test_two_sites_of_one_title_have_two_names(used, tmp_path, capsys):
    first, second, folder = used("one"), used("two"), tmp_path / "out"
    key = "0123abcd"  # tests copy one database, and the key is a database's
    with closing(connect(second.database)) as connection:
        connection.execute("update site set key = ?", (key,))
    assert export_tables(first.config, folder, None) == 0
    assert export_tables(second.config, folder, None) == 0
    assert f"The files are named hill-house-{key}" in capsys.readouterr().out
    houses = ask(f"select house, count(*) from '{folder}/table=messages/*/*.parquet' group by 1 order by 1")
    assert houses == [("hill-house", 90), (f"hill-house-{key}", 90)]
    assert export_tables(second.config, folder, None) == 0  # and again under that name
    assert ask(f"select house from '{folder}/table=sites/*.parquet' order by 1") == [
        (row[0],) for row in houses
    ]
    assert export_tables(second.config, folder, "hill-house") == 1
    assert "another site with the name hill-house: choose another one with --house" in capsys.readouterr().err


def test_the_schema_has_every_column_and_all_files_have_it(used, tmp_path):
    """A column that a migration adds has to be added here, too, or left out on purpose."""
    left_out = {"battery_forecasts": {"inputs", "newest", "course"}}
    site, folder = used(), tmp_path / "out"
    tables = lake_schema().tables
    assert set(tables) == {*HISTORY, *SUMMED, *CURRENT, "sites", "files"}
    for table in (*HISTORY, *SUMMED, *CURRENT):
        held = {row[1] for row in site.rows(f"pragma table_info({table})")} - {"day"}
        assert set(tables[table]) == held - left_out.get(table, set()), table
    with closing(connect(site.database)) as connection:
        connection.execute("update messages set raw = x'00ff' where id = 1")
        for (name,) in connection.execute("select name from sqlite_master where type = 'view'").fetchall():
            connection.execute(f"drop view [{name}]")
        connection.execute("alter table channels drop column refused_reason")  # as an earlier version had it
    run_export(site.config, folder)
    for name in files(folder):
        table = name.split("/")[0].partition("=")[2]
        columns = [
            row[0]
            for row in ask(f"describe select * from read_parquet('{folder / name}', hive_partitioning=0)")
        ]
        assert columns == ["house", *tables[table]], name
    one = folder / f"table=messages/day={site.one('select substr(received_at, 1, 10) from messages limit 1')}"
    assert ask(f"select raw from read_parquet('{one}/*.parquet') where id = 1") == [(b"\x00\xff",)]
    noted = ask(f"select value from parquet_kv_metadata('{folder}/table=nodes/part-hill-house.parquet')")
    assert (b"1",) in noted


def test_errors_of_a_folder_name_cause_and_remedy(used, tmp_path, capsys):
    site = used()
    (tmp_path / "file").write_text("")
    assert export_tables(site.config, tmp_path / "file", None) == 1
    assert "Name a folder" in capsys.readouterr().err
    state = tmp_path / "out" / ".voltkeeper-hill-house.json"
    state.parent.mkdir()
    state.write_text('{"schema": 99}')
    assert export_tables(site.config, tmp_path / "out", None) == 1
    assert "later version of Voltkeeper" in capsys.readouterr().err
    state.write_text("{half")
    assert export_tables(site.config, tmp_path / "out", None) == 1
    assert "delete it: the files are then compared anew" in capsys.readouterr().err
    with pytest.raises(TransferError, match="must hold no password"):
        run_export(site.config, "sftp://me:secret@nas/lake")


def test_a_lake_of_an_earlier_version_goes_on(used, tmp_path):
    """Its state lists no files and has no key of the site."""
    site, folder = used(), tmp_path / "out"
    run_export(site.config, folder)
    state = folder / ".voltkeeper-hill-house.json"
    read = json.loads(state.read_text())
    old = {name: read[name] for name in ("imported", *HISTORY) if name in read}
    state.write_text(json.dumps(old | read["sums"]))
    for table in ("sites", "files"):
        (folder / f"table={table}/part-hill-house.parquet").unlink()
    used(site=site, at=NOW + 86400 * 5)
    assert run_export(site.config, folder).rows["messages"] == 90
    assert listed(folder) == seen(folder) == stored(site)


@pytest.fixture
def store():
    """An object store in memory, whose uploads can be made to fail: (address, its files)."""
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield "memory://bucket/lake", files
    files.store.clear()


def of_store(fs, tmp_path):
    """A copy of a store as a folder."""
    folder = tmp_path / "copy"
    for name in fs.find("/bucket/lake"):
        path = folder / name.removeprefix("/bucket/lake/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(fs.cat_file(name))
    return folder


def test_a_store_killed_at_every_stage_has_a_complete_set_or_says_so(used, tmp_path, store, monkeypatch):
    """Stores have no rename: what belongs to a set stands in its manifest, which comes last."""
    (address, fs), site = store, used()
    left = 0
    plain = type(fs).put_file

    def put_file(self, *words, **options):
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return plain(self, *words, **options)

    monkeypatch.setattr(type(fs), "put_file", put_file)
    for step in range(2, 200, 15):
        left = step
        try:
            run_export(site.config, address)
        except KeyboardInterrupt:
            assert listed(of_store(fs, tmp_path)) == {}
        else:
            break
    folder = of_store(fs, tmp_path)
    assert step > 16 and listed(folder) == seen(folder) == stored(site)
    before = stored(site)
    used(site=site, at=NOW + 86400 * 5)
    left = 6
    with pytest.raises(KeyboardInterrupt):
        run_export(site.config, address)
    assert listed(of_store(fs, tmp_path)) == before  # history of the next set is there, and not listed
    left = 1000
    run_export(site.config, address)
    folder = of_store(fs, tmp_path)
    assert listed(folder) == seen(folder) == stored(site)


def test_errors_of_a_store_name_cause_and_remedy(used, store, monkeypatch, capsys):
    (address, fs), site = store, used()
    for error, wanted in (
        (PermissionError("Access Denied"), "the right to list the bucket"),
        (OSError(28, "No space left on device"), "Free disk space"),
        (ConnectionError("refused"), "The store cannot be reached"),
        (type("NoCredentialsError", (Exception,), {})("Unable to locate credentials"), "AWS_ACCESS_KEY_ID"),
        (FileNotFoundError("The specified bucket does not exist"), "Create the bucket"),
    ):

        def fail(*words, error=error, **options):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(type(fs), "put_file", fail)
            assert export_tables(site.config, address, None) == 1
        text = capsys.readouterr().err
        assert wanted in text and str(error) in text
    assert export_tables(site.config, "nosuch://bucket", None) == 1
    assert "Use a folder, s3://" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    assert export_tables(site.config, address, None) == 1
    assert "pip install 'voltkeeper[lake]'" in capsys.readouterr().err


def test_where_an_upload_is_not_whole_at_once_it_is_renamed(used, tmp_path, store, monkeypatch):
    """As by SFTP: a half of a file that a lost connection leaves has a name that readers leave alone."""
    (address, fs), site = store, used()
    monkeypatch.setattr(store_lake, "WHOLE_UPLOADS", frozenset())
    names = []
    plain = type(fs).put_file
    monkeypatch.setattr(
        type(fs), "put_file", lambda fs, a, b, **more: names.append(b) or plain(fs, a, b, **more)
    )
    run_export(site.config, address)
    folder = of_store(fs, tmp_path)
    assert listed(folder) == seen(folder) == stored(site)
    assert names and all(name.endswith(".half") for name in names) and not list(folder.rglob("*.half"))
    second = used("two")
    with closing(connect(second.database)) as connection:
        connection.execute("update site set key = '0123abcd'")
    assert run_export(second.config, address).house == "hill-house-0123abcd"
    assert run_export(site.config, address).house == "hill-house"
