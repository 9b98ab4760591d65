"""Which of our UPSes another program's UPS is."""

from sqlite3 import Connection

from ingest.transfer.records import ImportOptions, TransferError


def find_ups(connection: Connection, name: str, options: ImportOptions) -> int:
    """The number of our UPS for `name`, which is the file's or what `--ups` made of it.

    It is the one of that name; without `--ups` also the only one whose name before the `@` is that; else it
    is made. Raises TransferError where several would do.
    """
    wanted = name
    known: dict[str, int] = dict(connection.execute("select name, id from ups"))
    names = dict.fromkeys([*options.configured_upses, *known])
    if wanted not in names:
        alike = [other for other in names if other.partition("@")[0] == wanted.partition("@")[0]]
        if len(alike) > 1:
            choices = ", ".join(sorted(alike))
            raise TransferError(f"Which of your UPSes is {wanted}? Name it with --ups: {choices}")
        if alike and not options.ups:
            wanted = alike[0]
    if wanted in known:
        return known[wanted]
    driver, source = ("nut", wanted.partition("@")[2]) if "@" in wanted else ("must", wanted)
    number = connection.execute(
        "insert into ups (name, driver, source, label, configured) values (?, ?, ?, ?, 0)",
        (wanted, driver, source, wanted.partition("@")[0]),
    ).lastrowid
    assert number is not None
    return number
