"""A MySensorsTracker database as that program makes it: DDL and rules for what a message changes."""

import random
import re
import sqlite3
from datetime import datetime, timedelta

DDL = """
CREATE TABLE "node" ("nid" INTEGER NOT NULL PRIMARY KEY, "sk_name" VARCHAR(25), "sk_version" VARCHAR(25),
  "sk_revision" INTEGER NOT NULL, "api_ver" VARCHAR(25), "lastseen" DATETIME NOT NULL, "location"
  VARCHAR(32), "bat_changed" DATE, "bat_level" INTEGER, "parent" INTEGER, "arc" INTEGER);
CREATE TABLE "sensor" ("usid" INTEGER NOT NULL PRIMARY KEY, "nid_id" INTEGER NOT NULL, "cid" INTEGER NOT
  NULL, "typ" INTEGER, "name" VARCHAR(25), "values" BLOB, "lastseen" DATETIME NOT NULL, FOREIGN KEY
  ("nid_id") REFERENCES "node" ("nid"));
CREATE INDEX "sensor_nid_id" ON "sensor" ("nid_id");
CREATE TABLE "valuetype" ("uvid" INTEGER NOT NULL PRIMARY KEY, "usid_id" INTEGER NOT NULL, "nid_id"
  INTEGER NOT NULL, "cid" INTEGER NOT NULL, "typ" INTEGER NOT NULL, "value" VARCHAR(25), "received"
  DATETIME NOT NULL, FOREIGN KEY ("usid_id") REFERENCES "sensor" ("usid"), FOREIGN KEY ("nid_id")
  REFERENCES "node" ("nid"));
CREATE INDEX "valuetype_usid_id" ON "valuetype" ("usid_id");
CREATE INDEX "valuetype_nid_id" ON "valuetype" ("nid_id");
CREATE TABLE "message" ("id" INTEGER NOT NULL PRIMARY KEY, "nid_id" INTEGER NOT NULL, "cid" INTEGER NOT
  NULL, "cmd" INTEGER NOT NULL, "typ" INTEGER NOT NULL, "payload" VARCHAR(25) NOT NULL, "received"
  DATETIME NOT NULL, FOREIGN KEY ("nid_id") REFERENCES "node" ("nid"));
CREATE INDEX "message_nid_id" ON "message" ("nid_id");
CREATE TABLE "firmware" ("id" INTEGER NOT NULL PRIMARY KEY, "fw_type" INTEGER NOT NULL, "fw_ver" INTEGER
  NOT NULL, "blocks" INTEGER NOT NULL, "crc" INTEGER NOT NULL, "filename" VARCHAR(255) NOT NULL,
  "hex_data" TEXT NOT NULL, "uploaded" DATETIME NOT NULL);
CREATE UNIQUE INDEX "firmware_fw_type_fw_ver" ON "firmware" ("fw_type", "fw_ver");
"""
BEGIN = datetime(2026, 10, 24, 20, 0)  # five hours before the clocks go back in Europe


class Tracker:
    """Takes lines of a gateway, as that program does."""

    def __init__(self, path):
        self.db = sqlite3.connect(path)
        if not self.db.execute("select count(*) from sqlite_master").fetchone()[0]:
            self.db.executescript(DDL)

    def close(self):
        self.db.commit()
        self.db.close()

    def hear(self, line, now):
        nid, cid, cmd, _, typ, payload = line.split(";")[:6]  # what stands behind a further ; is lost
        nid, cid, cmd, typ = int(nid), int(cid), int(cmd), int(typ)
        at = now.isoformat(" ", "microseconds")
        usid = 1000 * nid + cid
        self.db.execute("insert or ignore into node (nid, sk_revision, lastseen) values (?, 0, ?)", (nid, at))
        self.db.execute("update node set lastseen = ? where nid = ?", (at, nid))
        self.db.execute(
            "insert or ignore into sensor (usid, nid_id, cid, lastseen) values (?, ?, ?, ?)",
            (usid, nid, cid, at),
        )
        self.db.execute("update sensor set lastseen = ? where usid = ?", (at, usid))
        self.db.execute(
            "insert into message (nid_id, cid, cmd, typ, payload, received) values (?, ?, ?, ?, ?, ?)",
            (nid, cid, cmd, typ, payload, at),
        )
        if cmd == 1:
            self._value(nid, cid, typ, payload, at)
        elif cmd == 0 and cid != 255:
            self.db.execute("update sensor set name = ?, typ = ? where usid = ?", (payload, typ, usid))
        elif cmd == 0 and typ in (17, 18):
            self.db.execute("update node set api_ver = ? where nid = ?", (payload, nid))
        elif cmd == 3 and cid == 255 and typ == 0:
            self._value(nid, 255, 3, payload, at)
        elif cmd == 3 and cid == 255 and typ == 11:
            self.db.execute("update node set sk_name = ? where nid = ?", (payload, nid))
        elif cmd == 3 and cid == 255 and typ == 12:
            found = re.fullmatch(r"\s*(\d+)\s*", payload) or re.search(r"\$Rev: (\d+) *\$.*", payload)
            revision = int(found[1]) if found else 0
            self.db.execute(
                "update node set sk_version = ?, sk_revision = ? where nid = ?", (payload, revision, nid)
            )

    def _value(self, nid, cid, typ, value, at):
        self.db.execute(
            "insert or replace into valuetype (uvid, usid_id, nid_id, cid, typ, value, received) values "
            "(?, ?, ?, ?, ?, ?, ?)",
            (1_000_000 * typ + 1000 * nid + cid, 1000 * nid + cid, nid, cid, typ, value, at),
        )
        if (cid, typ) == (98, 47) and value.startswith("parent:"):
            self.db.execute("update node set parent = ? where nid = ?", (int(value[8:].strip()), nid))
        elif (cid, typ) == (98, 28) and (found := re.search(r"S:(\d+)", value)):
            self.db.execute("update node set arc = ? where nid = ?", (int(found[1]), nid))


def traffic(count, nodes=12, seed=7):
    """`count` lines of a house with gateway, presentations, values, batteries and a few oddities."""
    rnd = random.Random(seed)
    yield "0;255;0;0;18;2.3.2"
    yield "0;255;3;0;14;Gateway startup complete."
    head = 2
    for node in range(1, nodes + 1):
        for line in (
            f"{node};255;0;0;17;2.3.1",
            f"{node};255;3;0;6;0",
            f"{node};255;3;0;11;Room {node}",
            f"{node};255;3;0;12;$Rev: {800 + node} $ 11:34",
            f"{node};1;0;0;6;Temperature",
            f"{node};2;0;0;7;Humidity",
            f"{node};98;1;0;47;parent: 0",
            f"{node};98;1;0;28;{{P:5460,R:3638,S:{60 + node}}}",
        ):
            yield line
            head += 1
    for _ in range(count - head):
        node = rnd.randint(1, nodes)
        yield rnd.choice(
            (
                f"{node};1;1;0;0;{rnd.uniform(18, 24):.1f}",
                f"{node};1;1;0;0;{rnd.uniform(18, 24):.1f}",
                f"{node};2;1;0;1;{rnd.randint(30, 70)}",
                f"{node};255;3;0;0;{rnd.randint(40, 100)}",
                f"{node};1;2;0;0;",
                "0;255;3;0;9;TSF:MSG:READ",
                f"{node};3;1;0;49;45.5;9.2;120",
            )
        )


def make_tracker(path, count=2000, step_s=9.0, start=BEGIN, nodes=12, seed=7):
    """Make or go on with a file; local times of Europe/Rome, through the hour that comes twice."""
    tracker = Tracker(path)
    zone_change = datetime(2026, 10, 25, 3, 0)
    clock, back = start, False
    for line in traffic(count, nodes, seed):
        tracker.hear(line, clock)
        clock += timedelta(seconds=step_s)
        if not back and start < zone_change <= clock:
            clock, back = clock - timedelta(hours=1), True
    tracker.db.execute("update node set location = 'cellar', bat_changed = '2026-09-01' where nid = 1")
    tracker.close()
    return clock
