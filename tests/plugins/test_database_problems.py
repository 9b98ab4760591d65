"""Pages while ingest lives and the database cannot be written, and the site when its file is gone."""

import asyncio

import pytest

from ingest.pipeline.heartbeat import Heartbeat, HeartbeatFile
from plugins.web.app.file_watch import watch_file
from plugins.web.readers import correct_attention, correct_readers, database_problems

STALE = {"source": "main", "verdict": "Stale", "words": "its reader does not run", "heartbeat_at": "x"}
HREF = "/telemetry/ingest_status/main"


@pytest.fixture
def database(tmp_path):
    return tmp_path / "telemetry.db"


def beat(database, *sources, **values):
    file = HeartbeatFile(database, 1)
    file.write(Heartbeat(7, sources, **values))
    file.close()


def test_a_reader_that_lives_is_not_called_stale_and_the_cause_is_named_without_its_folder(database):
    rows = [
        {"severity": "Stale", "subject": "Gateway main", "text": "", "href": HREF, "since": None},
        {"severity": "Stale", "subject": "Gateway shed", "text": "", "href": HREF + "2", "since": None},
    ]
    assert correct_readers([STALE], database) == [STALE] and correct_attention(rows, database) == rows
    beat(database, "main", problem=f"{database} is locked by cp (process 7)", kind="locked", waiting=12)
    [reader] = correct_readers([STALE], database)
    assert (reader["verdict"], reader["words"]) == ("Warning", "telemetry.db is locked by cp (process 7)")
    first, second = correct_attention(rows, database)
    assert (first["severity"], first["subject"]) == ("Critical", "Database")
    assert first["text"].startswith("telemetry.db is locked by cp") and "12 lines wait" in first["text"]
    assert second["subject"] == "Gateway shed"  # which nothing reads


@pytest.mark.parametrize("values", [{"stopped": True}, {"problem": ""}])
def test_one_that_was_stopped_or_is_well_names_no_problem(database, values):
    beat(database, "main", **{"problem": "the disk is full", **values})
    assert database_problems(database) == []


def test_rows_that_took_too_long_stay_unknown(database):
    assert correct_readers(None, database) is None and correct_attention(None, database) is None


@pytest.mark.parametrize("change", ["moved", "replaced", "log deleted"])
def test_the_site_ends_when_its_file_is_gone(database, change):
    database.write_bytes(b"a")
    log = database.with_name("telemetry.db-wal")
    log.write_bytes(b"b")

    async def watch():
        gone = asyncio.Event()
        watching = asyncio.create_task(watch_file(database, gone.set, look_s=0.01))
        await asyncio.sleep(0.05)
        assert not gone.is_set()
        if change == "moved":
            database.rename(database.with_name("old.db"))
        elif change == "replaced":
            database.with_name("new.db").write_bytes(b"c")
            database.with_name("new.db").rename(database)
        else:
            log.unlink()
        async with asyncio.timeout(30):
            await gone.wait()
            await watching

    with log.open("rb"):
        asyncio.run(watch())
