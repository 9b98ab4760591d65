"""Debug lines of all libraries, and I_LOCKED: parents, acknowledgements by day, events."""

import sqlite3

import pytest

from ingest.mysensors.debug_lines import DebugLine, parse_debug_line
from ingest.mysensors.replay import replay
from tests.helpers.new_database import new_database

START = 1_800_000_000.0


@pytest.mark.parametrize(
    ("writer", "text", "line"),
    [
        # What a gateway read: 1.5, 2.0, 2.1, 2.2 and later.
        (0, "read: 3-3-0 s=255,c=0,t=17,pt=0,l=5:1.4.1", DebugLine({3: 0})),
        (0, "TSP:MSG:READ 3-3-0 s=0,c=1,t=0,pt=7,l=5,sg=0:20.5", DebugLine({3: 0})),
        (0, "TSF:MSG:READ,46-46-0,s=0,c=1,t=0,pt=7,l=5,sg=0:20.3", DebugLine({46: 0})),
        (0, "71880399 TSF:MSG:READ,84-80-0,s=255,c=3,t=22,pt=5,l=4,sg=0:5930547", DebugLine({80: 0, 84: 80})),
        # A repeater wrote it; a search for a parent, a broadcast, an echo of itself say nothing.
        (80, "123 TSF:MSG:READ,84-84-0,s=1,c=1,t=0,pt=7,l=5,sg=0:1", DebugLine({84: 80})),
        (0, "TSF:MSG:READ,12-12-255,s=255,c=3,t=7,pt=0,l=0,sg=0:", None),
        (0, "TSF:MSG:READ,12-12-0,s=255,c=3,t=8,pt=0,l=0,sg=0:", None),
        (0, "TSF:MSG:READ,255-255-0,s=79,c=3,t=3,pt=0,l=0,sg=0:", None),
        # What a gateway sent.
        (0, "send: 0-0-3-3 s=0,c=1,t=2,pt=0,l=1,sg=0,st=ok:1", DebugLine({}, 3)),
        (0, "send: 0-0-3-3 s=0,c=1,t=2,pt=0,l=1,sg=0,st=fail:1", DebugLine({}, 3, False)),
        (0, "!TSP:MSG:SEND 0-0-3-3 s=0,c=1,t=2,pt=0,l=1,sg=0,ft=0,st=fail:1", DebugLine({}, 3, False)),
        (0, "TSP:MSG:SEND 0-0-255-255 s=255,c=3,t=20,pt=0,l=0,sg=0,ft=0,st=bc:", None),
        (0, "!TSF:MSG:SEND,0-0-80-84,s=3,c=1,t=3,pt=0,l=2,sg=0,ft=0,st=NACK:20", DebugLine({}, 80, False)),
        (0, "8 TSF:MSG:SEND,0-0-80-78,s=255,c=3,t=27,pt=1,l=1,sg=0,ft=0,st=OK:1", DebugLine({}, 80)),
        (0, "?TSF:MSG:SEND,0-0-255-255,s=255,c=3,t=20,pt=0,l=0,sg=0,ft=0,st=OK:", None),
        (0, "!TSF:MSG:SEND,0-0-255-255,s=255,c=3,t=20,pt=0,l=0,sg=0,ft=0,st=NACK:", None),
        # What nodes wrote of themselves (MY_OTA_LOG_SENDER_FEATURE).
        (5, "9 TSF:MSG:SEND,5-5-2-0,s=1,c=1,t=16,pt=0,l=1,sg=0,ft=0,st=OK:1", DebugLine({5: 2}, 5)),
        (5, "!TSF:MSG:SEND,5-5-2-0,s=1,c=1,t=16,pt=0,l=1,sg=0,ft=3,st=NACK:1", DebugLine({}, 5, False)),
        (2, "TSF:MSG:SEND,5-2-0-0,s=1,c=1,t=16,pt=0,l=1,sg=0,ft=0,st=OK:1", DebugLine({}, 2)),
        (2, "!TSF:MSG:SEND,0-2-5-5,s=1,c=1,t=2,pt=0,l=1,sg=0,ft=0,st=NACK:1", DebugLine({}, 5, False)),
        # Others, cut ones, and what a sketch prints.
        (0, "TSM:READY:ID=0,PAR=0,DIS=0", None),
        (0, "TSF:MSG:READ,46-4", None),
        (0, "!TSF:MSG:SEND,0-0-80-84,s=3,c=1,t=3,pt=0,l", None),
        (0, "I read: 3-3-0 s=255,c=0,t=17", None),
        (0, "1549657 !RFM69:SWR:NACK", None),
        (0, "", None),
    ],
)
def test_a_debug_line(writer, text, line):
    assert parse_debug_line(writer, text) == line


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "telemetry.db"
    new_database(path)

    def take(*lines):
        recording = [
            (START + position, line.encode())
            if isinstance(line, str)
            else (START + line[0], line[1].encode())
            for position, line in enumerate(lines)
        ]
        replay(path, "main", "tcp here:5003", recording, "UTC")
        return sqlite3.connect(path)

    return take


def test_parents_and_acknowledgements_are_learnt(stored):
    log = "0;255;3;0;9;"
    found = stored(
        *(f"{node};1;1;0;0;20" for node in (2, 5, 6, 7)),
        "7;255;3;0;6;6",
        f"{log}11 TSF:MSG:READ,2-2-0,s=1,c=1,t=0,pt=7,l=5,sg=0:20",
        f"{log}12 TSF:MSG:READ,5-2-0,s=1,c=1,t=0,pt=7,l=5,sg=0:20",
        f"{log}13 TSF:MSG:READ,7-2-0,s=1,c=1,t=0,pt=7,l=5,sg=0:20",  # by way of 6, as it said itself
        f"{log}14 TSF:MSG:READ,99-99-0,s=1,c=1,t=0,pt=7,l=5,sg=0:20",  # never heard as a message
        *[f"{log}!TSF:MSG:SEND,0-0-2-5,s=1,c=1,t=2,pt=0,l=1,sg=0,ft=0,st=NACK:1"] * 2,
        f"{log}TSF:MSG:SEND,0-0-2-5,s=1,c=1,t=2,pt=0,l=1,sg=0,ft=0,st=OK:1",
        "6;255;3;0;9;!TSF:MSG:SEND,6-6-5-0,s=1,c=1,t=2,pt=0,l=1,sg=0,ft=1,st=NACK:1",
    )
    assert found.execute("select node_id, parent_node_id from nodes order by id").fetchall() == [
        (0, None),
        (2, 0),
        (5, 2),
        (6, None),
        (7, 6),
    ]
    assert found.execute("select node, sent, nacks from node_radio_daily order by node").fetchall() == [
        (2, 3, 2),
        (6, 1, 1),
    ]
    assert found.execute("select count(*) from oddities").fetchone() == (0,)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("LDB", "when it started"),
        ("TMNR", "nonces"),
        ("TMFV", "verification"),
        ("XYZ", "not known"),
        ("", ""),
    ],
)
def test_a_locked_node_is_one_event_until_it_says_something_else(stored, code, said):
    locked = f"5;255;3;0;23;{code}"
    found = stored("5;1;1;0;0;20", locked, (1800, locked), (3600, locked))
    ((event, node, ended_at, detail),) = found.execute(
        "select event, node, ended_at, detail from events"
    ).fetchall()
    assert (event, node, ended_at) == ("NODE_LOCKED", 5, None)
    assert said in detail and code in detail and "unlock pin" in detail
    assert found.execute("select text from attention where text like 'locked:%'").fetchall()
    stored((7200, "5;255;0;0;17;2.3.2"))
    assert found.execute("select ended_at is not null from events").fetchall() == [(1,)]
    stored((9000, locked))
    assert found.execute("select count(*) from events").fetchone() == (2,)
