"""Tries a source of UPSes that nobody reads now: does it answer, how are its UPSes. For `voltkeeper check`."""

from ingest.must.client import MustClient
from ingest.must.errors import MustError
from ingest.nut.client import NutClient
from ingest.nut.errors import NutError
from ingest.ups.status import describe

TIMEOUT_S = 4.0


def probe_nut(server):
    """(good, words) of a NUT server of the config: the status of each of its UPSes, or what is wrong and what to do."""
    try:
        with NutClient(server.host, server.port, server.username, server.password, timeout=TIMEOUT_S) as client:
            names = list(server.ups) or list(client.list_ups())
            told = [_status(client, name) for name in names]
        faults = [words for good, words in told if not good]
        if names and server.command_username is not None:
            faults += _refusal(server, names[0])
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


def _refusal(server, ups):
    """What is wrong with the user that sends commands: a list with one line, or none."""
    user, word = server.command_username, server.command_password
    with NutClient(server.host, server.port, user, word, timeout=TIMEOUT_S) as client:
        try:
            allowed = client.may_set(ups)
        except NutError as error:
            if not error.answered:
                raise
            return []  # the UPS gives no data now, which its own line tells
    return [] if allowed else [f"command_username {user} is refused: wrong password, or no `actions = SET` in upsd.users"]


def probe_must(device):
    """(good, words) of an EP20 of the config."""
    try:
        with MustClient(device.serial) as client:
            variables = client.read_status()
    except MustError as error:
        return False, error.words
    return True, f"answers: {describe(variables['ups.status'])}, {variables['battery.charge']} % charged"
