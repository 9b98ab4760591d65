"""Whether ingest records, by heartbeats and locks: tables."""

import pytest

from ingest.db.problems import Kind, Problem
from ingest.pipeline.heartbeat import Heartbeat
from outbound.host.condition import HostChanges, HostCondition, find_changes
from outbound.host.ingest_checks import UnreadSource, check_ingest, check_problems

NOW = 1_000_000.0
BOTH = ("main", "closet")


def beat(age_s=5.0, sources=BOTH, **fields):
    return Heartbeat(1, sources, age_s=age_s, **fields)


def free(seconds, *names):
    return [UnreadSource(name, seconds) for name in names or BOTH]


@pytest.mark.parametrize(
    ("heartbeats", "unread", "detail", "since"),
    [
        ([beat()], [], "", 0),
        ([beat(89)], [], "", 0),
        ([beat(91)], [], "ingest stands still", 91),
        ([beat(91, stopped=True)], [], "", 0),  # the next process has just started
        ([beat(10)], free(19), "", 0),  # `up` starts it again
        ([beat(10)], free(20), "ingest ended, and does not come back", 10),
        ([beat(10, problem="the disk is full")], free(20), "ingest ended: the disk is full", 10),
        ([beat(299, stopped=True)], free(900), "", 0),  # on purpose
        ([beat(900, stopped=True)], free(30), "", 0),
        ([beat(301, stopped=True)], free(301), "ingest was stopped and not started again", 301),
        ([beat(30, stopped=True, problem="damaged")], free(25), "ingest ended: damaged", 30),
        ([], free(20), "ingest does not run", 20),
        ([], [], "", 0),
        ([beat(5, ("main",)), beat(200, ("closet",))], free(180, "closet"), "closet: ingest ended", 200),
        ([beat(200), beat(5)], [], "", 0),  # an old file of a process that is no more
    ],
)
def test_ingest_down(heartbeats, unread, detail, since):
    found = check_ingest(BOTH, heartbeats, unread, NOW)
    assert [(one.event, one.which, one.detail[: len(detail)], one.since) for one in found] == (
        [("INGEST_DOWN", "ingest", detail, NOW - since)] if detail else []
    )


@pytest.mark.parametrize(
    ("kind", "seconds", "expected"),
    [
        (Kind.FULL, 1, ("DISK_LOW", "", "disk")),
        (Kind.DAMAGED, 1, ("DATABASE_DAMAGED", "", "database")),
        (Kind.LOCKED, 9, None),
        (Kind.LOCKED, 10, ("INGEST_DOWN", "database", "database")),
        (Kind.READ_ONLY, 1, ("INGEST_DOWN", "database", "database")),
        (Kind.IO, 1, ("INGEST_DOWN", "database", "database")),
        (Kind.GONE, 1, None),  # the file that is there now tells
    ],
)
def test_a_problem_of_the_database(kind, seconds, expected):
    told = [beat(0, problem="why", kind=kind, problem_s=seconds)]
    for found in (
        check_problems(told, None, 0, NOW),
        check_problems([], Problem(kind, "why"), seconds, NOW),
        check_problems(told, Problem(kind, "why"), seconds, NOW),
    ):
        assert [(one.event, one.which, one.name) for one in found] == ([expected] if expected else [])


@pytest.mark.parametrize("kind", ["", "haunted"])
def test_a_problem_of_a_kind_that_is_not_known(kind):
    [found] = check_problems([beat(0, problem="why", kind=kind, problem_s=1)], None, 0, NOW)
    assert (found.event, found.detail) == ("INGEST_DOWN", "why")


def test_a_problem_of_a_process_that_ended_is_none():
    assert check_problems([beat(problem="why", kind=Kind.IO, stopped=True)], None, 0, NOW) == []


DOWN, SITE = HostCondition("INGEST_DOWN", "ingest", "ended"), HostCondition("SITE_DOWN", "", "500")
STEADY = HostCondition("STRANGE_MESSAGES", "main", "4 lines", is_steady=True)


@pytest.mark.parametrize(
    ("standing", "stored", "looked_at", "expected"),
    [
        ([DOWN], {}, [], HostChanges(begun=(DOWN,))),
        ([DOWN], {DOWN.key: "ended"}, ["INGEST_DOWN"], HostChanges()),
        ([DOWN], {DOWN.key: "stands still"}, [], HostChanges(updated=(DOWN,))),
        ([STEADY], {STEADY.key: "3 lines"}, [], HostChanges()),
        ([], {SITE.key: "500"}, ["SITE_DOWN"], HostChanges(ended=(SITE.key,))),
        ([], {SITE.key: "500"}, ["INGEST_DOWN"], HostChanges()),  # not known yet
        ([DOWN], {SITE.key: "500"}, ["SITE_DOWN"], HostChanges(begun=(DOWN,), ended=(SITE.key,))),
    ],
)
def test_what_changes(standing, stored, looked_at, expected):
    found = find_changes(standing, stored, looked_at)
    assert found == expected
    assert bool(found) == bool(expected.begun or expected.updated or expected.ended)
