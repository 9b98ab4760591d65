"""Tries a source of UPSes: does it answer, how are its UPSes, would it take orders. For `voltkeeper check`."""

from ingest.config.loader import nearest
from ingest.must.client import MustClient
from ingest.must.errors import MustError
from ingest.nut.client import NutClient
from ingest.nut.errors import NutError
from ingest.ups.status import describe

TIMEOUT_S = 4.0


def probe_nut(server):
    """(good, words) of a NUT server of the config: the status of each of its UPSes, or what is wrong and what to do."""
    try:
        with NutClient(
            server.host, server.port, server.username, server.password, timeout=TIMEOUT_S
        ) as client:
            names = list(server.ups) or list(client.list_ups())
            told = [_status(client, name) for name in names]
        faults = [words for good, words in told if not good]
    except NutError as error:
        return False, error.words
    if not names:
        return False, "it answers, and has no UPS: add one to upsd's ups.conf"
    return not faults, "; ".join(faults or [words for _, words in told])


def _status(client, name):
    try:
        return True, f"{name} is {describe(client.get_var(name, 'ups.status'))}"
    except NutError as error:
        if not error.answered:
            raise
        return False, f"{name}: {error.words}"


def orders_of(server, settings):
    """Name at the server -> what the config lists for it, of the UPSes of a NUT server to which anything may be ordered."""
    listed = ((name.rpartition("@"), own) for name, own in settings.items() if own.commands or own.settings)
    return {ups: own for (ups, _, source), own in listed if source == server.name}


def probe_orders(server, settings):
    """(good, words): would a NUT server take what the config lists of its UPSes (`settings` is the config's `ups:`)."""
    listed, user = orders_of(server, settings), server.command_username
    try:
        with NutClient(server.host, server.port, user, server.command_password, timeout=TIMEOUT_S) as client:
            faults = [
                words
                for ups, own in listed.items()
                for words in _missing(client, f"{ups}@{server.name}", own)
            ]
            ups = next(iter(listed or server.ups or client.list_ups()), None)
            allowed = ups is None or _may_set(client, ups)
    except NutError as error:
        return False, error.words
    told = [f"{ups}@{server.name}: {_count(own)}" for ups, own in listed.items()] or [
        "nothing is listed under ups:"
    ]
    if not allowed and user is None:
        faults.append(
            "it takes orders of users alone: add a section to upsd.users, such as `[operator]`, `password = ...`, `actions = SET`, "
            "`instcmds = ALL`, and name them as command_username and command_password"
        )
    elif not allowed and (not listed or any(own.settings for own in listed.values())):
        faults.append(
            f"command_username {user} is refused: wrong password, or no `actions = SET` in upsd.users"
        )
    elif not allowed:
        told.append(f"whether {user} may send them shows with the first one: upsd tells it of settings alone")
    return not faults, "; ".join(faults or told)


def _missing(client, name, own):
    """What the config lists and the UPS does not have, in words."""
    ups = name.partition("@")[0]
    try:
        there = {"command": client.list_command_names(ups), "setting": list(client.list_rw_vars(ups))}
    except NutError as error:
        if not error.answered:
            raise
        return [f"{name}: {error.words}"]
    return [
        f"{name} has no {kind} {word}: {nearest(word, there[kind]) if there[kind] else 'the server tells of none'}"
        for kind, words in (("command", own.commands), ("setting", own.settings))
        for word in words
        if word not in there[kind]
    ]


def _may_set(client, ups):
    try:
        return client.may_set(ups)
    except NutError as error:
        if not error.answered:
            raise
        return True  # the UPS gives no data now, which its own line tells


def _count(own):
    """What may be ordered of a UPS, in words."""
    counted = ((len(own.commands), "command"), (len(own.settings), "setting"))
    return ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in counted if number)


def probe_must(device):
    """(good, words) of an EP20 of the config."""
    try:
        with MustClient(device.serial) as client:
            variables = client.read_status()
    except MustError as error:
        return False, error.words
    return True, f"answers: {describe(variables['ups.status'])}, {variables['battery.charge']} % charged"
