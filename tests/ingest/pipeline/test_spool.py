"""The spool file: allocated in advance, read up to the first frame that is not whole, one a process."""

import os

import pytest

from ingest.pipeline.spool import HEAD, SPOOL_BYTES, Spool


@pytest.fixture
def database(tmp_path):
    return tmp_path / "telemetry.db"


@pytest.fixture
def spool(database):
    [spool] = Spool.open_all(database)
    yield spool
    spool.close()


def read_anew(spool, database):
    spool.close()
    [again] = Spool.open_all(database)
    found = again.read()
    spool._descriptor = again._descriptor  # the fixture closes it
    return found


def test_texts_come_back_in_order_over_restarts_until_they_are_cleared(spool, database):
    spool.allocate()
    assert spool.append([b"a" * 5000, b"b"]) == 2
    assert spool.append([b"c"]) == 1
    assert read_anew(spool, database) == [b"a" * 5000, b"b", b"c"]
    spool.clear()
    assert read_anew(spool, database) == []
    spool.append([b"d"])  # shorter than what was there before
    assert read_anew(spool, database) == [b"d"]


def test_it_takes_its_space_in_advance_and_only_a_part_of_a_small_disk(spool):
    spool.allocate()
    disk = os.statvfs(spool.path)
    held = spool.path.stat()
    assert held.st_size <= max(64_000, min(SPOOL_BYTES, disk.f_bavail * disk.f_frsize // 8 + SPOOL_BYTES))
    assert held.st_blocks * 512 >= held.st_size  # no hole in it
    assert held.st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["cut", "flipped", "noise", "a length that cannot be"])
def test_what_is_not_whole_is_no_frame_and_what_is_before_it_is(spool, damage):
    spool.append([b"whole", b"torn" * 100])
    end = HEAD.size + HEAD.unpack(os.pread(spool._descriptor, HEAD.size, 0))[1]
    if damage == "cut":
        os.ftruncate(spool._descriptor, end + HEAD.size + 3)
    elif damage == "flipped":
        os.pwrite(spool._descriptor, b"\xff", end + HEAD.size + 5)
    elif damage == "noise":
        os.pwrite(spool._descriptor, os.urandom(64), end)
    else:
        os.pwrite(spool._descriptor, HEAD.pack(b"VKSP", 2**31, 0), end)
    assert spool.read() == [b"whole"]
    assert spool.append([b"next"]) == 1  # over what was torn
    assert spool.read() == [b"whole", b"next"]


def test_what_does_not_fit_is_not_kept_and_counted(spool):
    noise = [os.urandom(3_000_000) for _ in range(3)]
    assert spool.append(noise) == 2
    assert spool.read() == noise[:2]


def test_where_it_was_deleted_or_moved_it_is_made_anew(spool, database):
    spool.allocate()
    spool.path.unlink()
    spool.append([b"kept"])
    assert read_anew(spool, database) == [b"kept"]
    spool.path.rename(spool.path.with_name("elsewhere"))
    spool.append([b"more"])
    assert read_anew(spool, database) == [b"more"]


def test_each_process_has_one_of_its_own(spool, database):
    [second] = Spool.open_all(database)
    assert (spool.number, second.number) == (1, 2)
    assert second.path.name == "telemetry.db-spool-2"
    second.append([b"of the second"])
    second.close()
    spool.close()
    both = Spool.open_all(database)  # one process that reads it all now
    assert [one.read() for one in both] == [[], [b"of the second"]]
    for one in both[1:]:
        one.close()
    spool._descriptor = both[0]._descriptor


def test_what_was_set_aside_is_in_nobodys_way(spool, database):
    spool.append([b"bad"])
    assert spool.set_aside().name == "telemetry.db-spool-unreadable"
    assert read_anew(spool, database) == []
