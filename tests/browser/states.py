"""Houses whose pages are hard to lay out, each as the rows of a database."""

import random
import time

from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.mysensors.replay import replay
from tests.plugins.site_helpers import fill
from tests.plugins.ups_house import UPSES, House, add_tariffs

NODES, MANY_UPSES = 254, 12
BIDI = "\u202e"  # what follows is written from right to left
NAMES = (  # 60 letters are the longest label
    "W" * 60,
    "Rindfleischetikettierungsüberwachungsaufgabenübertragungsges",
    "<script>alert(1)</script><b>bold</b> &amp; \"quoted\" 'single'",
    "غرفة المعيشة الكبيرة في الطابق العلوي من البيت القديم",
    f"{BIDI}txet sdrawkcab{BIDI} and on",
    "🏠🌡️🔋" * 12,
    "a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3",
    "/../../etc/passwd?x=1&y=%00#fragment;drop table nodes;--____",
)
STATES = ("usual", "many", "names", "lost", "empty", "outage")


def make_state(path, name):
    """Write a state into a new database."""
    if name == "empty":
        return
    fill(path)
    house = House(path, days=3, step=600)
    house.write(
        outages=[(60, 640, UPSES), (40, 45, UPSES[:1]), (20, 95, UPSES)],
        gaps=[(30, 7200)],
        lost=("closet", "garage") if name == "lost" else (),
        open_outage=(3000, UPSES) if name == "outage" else None,
    )
    add_tariffs(path, ("2020-01-01", None, "", "", 0.32, "EUR"))
    if name in ("many", "names", "lost"):
        add_nodes(path, NODES)
        add_upses(path, MANY_UPSES)
    connection = connect(path)
    add_alerts(connection, failing=name in ("names", "lost"))
    add_plan_runs(connection, names=name == "names")
    if name == "names":
        give_names(connection)
    if name == "lost":
        connection.execute(
            """update ingest_status set state = 'lost', detail = ?, last_data_at = ?
            where kind = 'mysensors'""",
            ("connection refused: 192.168.1.20:5003 does not answer " * 3, format_utc(time.time() - 110_000)),
        )
        connection.execute(  # times of another day are longer
            "update messages set received_at = strftime('%Y-%m-%dT%H:%M:%fZ', received_at, '-110000 seconds')"
        )
    connection.close()


LONG_TARGET = "a-target-whose-name-is-as-long-as-the-names-of-targets-may-be"[:60]
ALERTS = f"""alerts:
  targets:
    - {{name: phone, url: 'ntfy://127.0.0.1/topic'}}
    - {{name: stop-lab, command: [/usr/local/bin/stop-lab, --now]}}
    - {{name: {LONG_TARGET}, url: 'json://a-host-with-a-long-name.in-a-domain-with-a-long-name.example.org/'}}
  rules:
    - {{events: [ONBATT], after_s: 20, to: [phone, stop-lab], name: outages}}
    - {{events: [NODE_SILENT, NODE_BATTERY_LOW], nodes: [main/12], to: [{LONG_TARGET}], digest: "08:00"}}
  quiet: {{from: "22:00", to: "07:00", except: critical}}
"""
PLAN = f"""nut: [{{name: closet, ups: [rack, desk]}}]
must: [{{name: garage, serial: /dev/null}}]
plan:
  - name: rack
    ups: [rack@closet, desk@closet]
    on_battery:
      - name: warn
        after_s: 30
        webhook: https://nas.a-domain-with-a-long-name.example.org/hook
        cancel_on_return: true
      - name: stop-lab
        after_s: 900
        charge: 60
        run: [/usr/local/lib/a-folder/with/many/folders/stop-lab-now, --now]
        repeat: true
      - {{name: {LONG_TARGET}, runtime_s: 300, wake: "aa:bb:cc:dd:ee:ff"}}
      - {{name: never, after_s: 36000, run: [stop]}}
    power_back:
      - {{name: wake-lab, after_s: 60, charge: 50, if_ran: [stop-lab], wake: "aa:bb:cc:dd:ee:ff"}}
      - {{name: tell, run: [tell]}}
  - {{name: single, ups: [garage], on_battery: [{{name: stop, charge: 40, run: [stop]}}]}}
"""
PLANNED = [  # step, state, by what it was due, result
    ("warn", "done", "30 s on battery", "HTTP 200 OK"),
    ("stop-lab", "timed out", "charge 60 %", "ended: it ran for more than 60 s"),
    (
        LONG_TARGET,
        "unknown",
        "runtime 4 min 59 s",
        "the plan was interrupted while it ran; it is not repeated",
    ),
    ("never", "skipped", "", "mains were back before it was due"),
    ("wake-lab", "waiting", "", ""),
    ("tell", "waiting", "", ""),
]
DELIVERED = [  # target, kind, state, attempts, reason, title
    ("phone", "begin", "sent", 1, "HTTP 200 OK", "Rack: on battery, 23 min left"),
    ("phone", "end", "sent", 3, "HTTP 200 OK", "Power is back: Rack, 14 min, 62 Wh, lowest charge 71 %"),
    ("stop-lab", "begin", "uncertain", 2, "ended with 0", "Rack: on battery, 23 min left (#3)"),
    (LONG_TARGET, "test", "failed", 1, "HTTP 500 Internal Server Error: maintenance until ten", "Test of it"),
    (
        "phone",
        "digest",
        "queued",
        4,
        "Connection refused",
        "12 messages: Greenhouse: silent for more than 2 h",
    ),
    ("phone", "begin", "muted", 0, "muted: UPS rack@closet", "Rack: battery to be replaced"),
    (LONG_TARGET, "begin", "expired", 9, "it could not be sent for 60 days", "Greenhouse: battery 18 %"),
    ("phone", "rehearsal", "sent", 1, "HTTP 200 OK", "REHEARSAL Rack: on battery"),
    ("phone", "begin", "sent", 1, "HTTP 200 OK", "Frost: 3.2 °C, below 4"),
]


def add_alerts(connection, failing):
    """Deliveries in every state, a mute, and perhaps a target that fails."""
    for hours, (target, kind, state, attempts, reason, title) in enumerate(reversed(DELIVERED)):
        at = format_utc(time.time() - 3600 * (len(DELIVERED) - hours))
        text = f"{title}.\nSince 12:00:00, for 20 s.\nhttps://volt.example.org/ups/rack@closet"
        sent_at = at if state in ("sent", "uncertain") else None
        connection.execute(
            "insert into deliveries (target, kind, severity, state, attempts, created_at, sent_at, reason, "
            "title, text, rule) values (?, ?, 'Warning', ?, ?, ?, ?, ?, ?, ?, 'outages')",
            (target, kind, state, attempts, at, sent_at, reason, title, text),
        )
    for number, name in enumerate(NAMES if failing else (), 10):
        connection.execute(
            "update deliveries set title = ?, reason = ? where id % 9 = ?", (name, name * 3, number % 9)
        )
    connection.execute(
        "insert into mutes (everything, until, reason, muted_at, muted_by) values (1, ?, ?, ?, 'owner')",
        (format_utc(time.time() + 3600), NAMES[1] if failing else "new batteries", format_utc(time.time())),
    )
    if failing:
        connection.execute(
            "insert into events (event, started_at, detail, figures) values ('TARGET_FAILING', ?, ?, "
            "json_object('target', ?, 'reason', ?))",
            (
                format_utc(time.time() - 900),
                f"{LONG_TARGET}: HTTP 503",
                LONG_TARGET,
                "HTTP 503 Service Unavailable: maintenance until ten",
            ),
        )


def add_plan_runs(connection, names):
    """Runs of the plan `rack` for the two newest outages, the newest of which is not over."""
    outages = connection.execute(
        "select id, started_at from events where event = 'ONBATT' order by started_at desc limit 2"
    ).fetchall()
    for place, (outage, started_at) in enumerate(reversed(outages)):
        state = "back" if place else "over"
        run = connection.execute(
            """insert into plan_runs (plan, outage, state, started_at, battery_s)
            values ('rack', ?, ?, ?, 640) returning id""",
            (outage, state, started_at),
        ).fetchone()[0]
        for number, (step, result_state, due_by, result) in enumerate(PLANNED, 1):
            at = started_at if result and due_by else None
            connection.execute(
                """insert into plan_steps (run, number, step, phase, kind, action, state, due_by, result,
                began_at, ended_at) values (?, ?, ?, ?, 'run', '/usr/local/bin/stop-lab', ?, ?, ?, ?, ?)""",
                (
                    run,
                    number,
                    step,
                    "battery" if number < 5 else "back",
                    "skipped" if state == "over" and result_state == "waiting" else result_state,
                    due_by,
                    NAMES[number] * 2 if names and result else result,
                    at,
                    at if result_state != "unknown" else None,
                ),
            )


def add_nodes(path, count):
    """Nodes of the gateway `main` with two sensors each, some of which were never presented."""
    now, rnd = time.time(), random.Random(1)
    recording = []
    for node in range(1, count + 1):
        lines = [f"{node};1;1;0;0;{rnd.gauss(20, 3):.1f}", f"{node};2;1;0;1;{rnd.randrange(30, 70)}"]
        if node % 10:
            lines[:0] = [
                f"{node};255;0;0;17;2.3.2",
                f"{node};255;3;0;6;{rnd.choice((0, max(0, node - 1)))}",
                f"{node};255;3;0;11;Room",
                f"{node};255;3;0;12;1.{node % 7}",
                f"{node};1;0;0;6;Air",
                f"{node};2;0;0;7;Humidity",
                f"{node};255;3;0;0;{rnd.randrange(5, 100)}",
            ]
        recording += [(now - 50 + node / 10, line.encode()) for line in lines]
    replay(path, "main", "tcp main:5003", recording, "UTC")


def add_upses(path, count):
    """Copies of the first UPS, so that there are `count`."""
    connection = connect(path)
    for number in range(len(UPSES) + 1, count + 1):
        copy_rows(connection, "ups", "id", number, name=f"ups{number}@closet", label=f"Shelf {number}")
        for table in ("ups_samples", "ups_samples_hourly", "ups_variables", "polls", "events"):
            copy_rows(connection, table, "ups", number)
    connection.close()


def copy_rows(connection, table, key, number, **values):
    """The rows of the first UPS in a table, for another one."""
    columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
    values[key] = number
    kept = [column for column in columns if column != "id" or key == "id"]
    chosen = ", ".join(f":{column}" if column in values else column for column in kept)
    connection.execute(
        f"insert into {table} ({', '.join(kept)}) select {chosen} from {table} where {key} = 1", values
    )


def give_names(connection):
    """Labels, sketches, locations and payloads that are long, foreign or hostile."""
    for table in ("nodes", "ups"):
        for (key,) in connection.execute(f"select id from {table}").fetchall():
            connection.execute(f"update {table} set label = ? where id = ?", (NAMES[key % len(NAMES)], key))
    for column in ("sketch_name", "sketch_version", "location"):
        for key, name in enumerate(NAMES):
            connection.execute(f"update nodes set {column} = ? where id % 11 = ?", (name[:60], key))
    for key, name in enumerate(NAMES):
        connection.execute("update sensors set description = ? where id % 9 = ?", (name[:60], key))
        connection.execute("update messages set payload = ? where id % 13 = ?", (name[:25], key))
        connection.execute("update channels set text = ?, value = null where id % 17 = ?", (name[:25], key))
        connection.execute("update events set detail = ? where id % 9 = ?", (name * 4, key))
        connection.execute(
            "update ups set model = ?, mfr = ?, serial = ? where id % 8 = ?", (name, name, name, key)
        )
