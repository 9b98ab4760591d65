"""Checks that every event reached every target once and in order, for tests and a benchmark."""

from collections import Counter, defaultdict

from ingest.db.connection import connect, dict_rows

DONE = ("sent", "uncertain")


def read_deliveries(database):
    """All rows of `deliveries`, in order."""
    connection = connect(database, readonly=True)
    try:
        return dict_rows(connection, "select * from deliveries order by id")
    finally:
        connection.close()


def carriers(rows):
    """The id of the row whose message carried each row: its own where none did."""
    digests = {row["id"]: row["digest"] for row in rows}

    def top(number):
        while digests[number] is not None:
            number = digests[number]
        return number

    return {number: top(number) for number in digests}


def find_faults(database, receivers, events, kills=0):
    """What is wrong, as text: `receivers` by target, `events` are the ids that each target is told of."""
    rows = read_deliveries(database)
    top = carriers(rows)
    faults = []
    for target, receiver in receivers.items():
        own = [row for row in rows if row["target"] == target]
        faults += _missing_rows(target, own, events[target])
        faults += _wrong_receipts(target, own, top, receiver.received)
    doubled = sum(_receipts(rows, receivers).values()) - len(
        [row for row in rows if row["digest"] is None and row["state"] in DONE and row["target"] in receivers]
    )
    if doubled > kills:
        faults.append(f"{doubled} messages came twice, after {kills} kills")
    return faults


def _missing_rows(target, rows, events):
    """Each event has one begin and one end, both sent."""
    count = Counter((row["event"], row["kind"]) for row in rows if row["state"] in DONE)
    for event in events:
        for kind in ("begin", "end"):
            if count[event, kind] != 1:
                yield f"{target}: event {event} has {count[event, kind]} rows {kind} that were sent"
    for row in rows:
        if row["state"] not in DONE:
            yield f"{target}: delivery {row['id']} is {row['state']}: {row['reason']}"


def _receipts(rows, receivers):
    """How often the message of each row came, by its id."""
    counts = Counter()
    for row in rows:
        if row["digest"] is None and row["target"] in receivers:
            counts[row["id"]] = len(list(_of_row(row, receivers[row["target"]].received)))
    return counts


def _of_row(row, received):
    """The positions of the messages of a row in what a target received."""
    mark = f"(#{row['id']}, may be the second time)"
    for position, one in enumerate(received):
        is_same = one.text == row["text"] and one.title == row["title"]
        if is_same or one.title.endswith(mark):
            yield position


def _wrong_receipts(target, rows, top, received):
    """Each row's message came once, or twice where it is uncertain; in the order of the rows."""
    carried = defaultdict(list)
    for row in rows:
        carried[top[row["id"]]].append(row["id"])
    order, explained = [], set()
    for row in rows:
        if row["digest"] is not None:
            continue
        positions = list(_of_row(row, received))
        explained |= {*positions}
        if not positions and row["state"] in DONE:
            yield f"{target}: delivery {row['id']} ({row['title']}) never came"
        if len(positions) > 1 and row["state"] != "uncertain":
            yield f"{target}: delivery {row['id']} ({row['title']}) came {len(positions)} times"
        if positions:
            order.append((positions[-1], min(carried[row["id"]])))
    for position in set(range(len(received))) - explained:
        yield f"{target}: nothing in the log explains {received[position].title!r}"
    numbers = [number for _, number in sorted(order)]
    if numbers != sorted(numbers):
        yield f"{target}: not in order: {numbers}"
