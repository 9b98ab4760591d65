"""Which of our UPSes another program's UPS is."""

from ingest.transfer.records import TransferError


def find_ups(connection, name, options):
    """The number of our UPS for `name`, which is the file's or what `--ups` made of it. Raises TransferError.

    It is the one of that name; without `--ups` also the only one whose name before the `@` is that; else it is made.
    """
    wanted = name
    names = dict(connection.execute("select name, id from ups"))
    names = {**dict.fromkeys(options.configured_upses), **names}
    if wanted not in names:
        alike = [known for known in names if known.partition("@")[0] == wanted.partition("@")[0]]
        if len(alike) > 1:
            raise TransferError(
                f"Which of your UPSes is {wanted}? Say it with --ups: {', '.join(sorted(alike))}"
            )
        if alike and not options.ups:
            wanted = alike[0]
    number = names.get(wanted)
    if number is None:
        driver, source = ("nut", wanted.partition("@")[2]) if "@" in wanted else ("must", wanted)
        number = connection.execute(
            "insert into ups (name, driver, source, label, configured) values (?, ?, ?, ?, 0)",
            (wanted, driver, source, wanted.partition("@")[0]),
        ).lastrowid
    return number
