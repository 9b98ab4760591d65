"""nut2's own methods do the dialogue of the client wherever they are right; the others are overridden."""

import inspect

import pytest

from ingest.demo.ups.upsd import DemoUpsd
from ingest.errors import VoltkeeperError
from ingest.nut.client import NutClient
from ingest.nut.connection import Connection
from ingest.nut.errors import NutError
from ingest.nut.transport import PyNUTClient, PyNUTError

BY_NUT2 = {  # method -> (call, request on the wire, result)
    "ver": (lambda c: c.ver(), "VER", "Network UPS Tools upsd 2.8.0 - demo house\n"),
    "help": (lambda c: c.help()[:14], "HELP", "Commands: HELP"),
    "num_logins": (lambda c: c.num_logins("rack"), "GET NUMLOGINS rack", 0),
    "var_type": (
        lambda c: c.var_type("rack", "input.sensitivity"),
        "GET TYPE rack input.sensitivity",
        "RW ENUM",
    ),
    "get": (lambda c: c.get("rack", "ups.model"), "GET VAR rack ups.model", "Back-UPS RS 1600SI"),
    "set_var": (
        lambda c: (c.set_var("rack", "input.sensitivity", "low"), c.get_var("rack", "input.sensitivity")),
        'SET VAR rack input.sensitivity "low"',
        ("", "low"),
    ),
    "run_command": (
        lambda c: (c.run_command("rack", "beeper.mute"), c.get_var("rack", "ups.beeper.status")),
        "INSTCMD rack beeper.mute",
        ("", "muted"),
    ),
}
OURS = frozenset(  # each override has its reason in its docstring
    """connect close description list_ups list_vars list_rw_vars list_commands list_clients list_enum
    list_range get_var var_description command_description fsd list_command_names track tracked login can_set
    server usable count_logins""".split()
)


@pytest.fixture
def server():
    with DemoUpsd() as upsd:
        yield upsd


def outcome(server, method):
    """What the call gives on a new connection, and whether its request was sent."""
    call, request, _ = BY_NUT2[method]
    with NutClient("127.0.0.1", server.port, "operator", "demo", timeout=2) as client:
        return call(client), request in server.requests


@pytest.mark.parametrize("method", BY_NUT2)
def test_nut2_does_it(server, method):
    assert outcome(server, method) == (BY_NUT2[method][2], True)


@pytest.mark.parametrize("method", BY_NUT2)
def test_without_nut2s_code_it_is_not_done(server, method, monkeypatch):
    """The same calls with the method of nut2 emptied: they would pass if the client did without it."""
    monkeypatch.setattr(PyNUTClient, method, lambda self, *arguments: None)
    try:
        found = outcome(server, method)
    except TypeError:  # None has no first letters
        found = None
    assert found != (BY_NUT2[method][2], True)


def test_without_nut2s_constructor_there_is_no_client(server, monkeypatch):
    monkeypatch.setattr(PyNUTClient, "__init__", lambda self, *arguments, **options: None)
    with pytest.raises(AttributeError):
        outcome(server, "ver")


def test_every_public_verb_of_nut2_is_there_and_used_or_overridden():
    verbs = {name for name in vars(PyNUTClient) if not name.startswith("_")}
    own = {name for name in vars(NutClient) if not name.startswith("_")}
    assert verbs <= set(BY_NUT2) | OURS
    assert own - OURS == {"set_var", "run_command"}, "these go through nut2's"
    for name in verbs & own - {"fsd"}:
        theirs = [*inspect.signature(getattr(PyNUTClient, name)).parameters]
        ours = [*inspect.signature(getattr(NutClient, name)).parameters]
        assert ours[: len(theirs)] == theirs, name
    for name in verbs & own:
        assert "nut2" in getattr(NutClient, name).__doc__, f"{name}: which fault of nut2 does it cure?"


def test_an_error_is_a_pynuterror_and_one_of_ours(server):
    with NutClient("127.0.0.1", server.port) as client, pytest.raises(PyNUTError) as caught:
        client.var_type("rack", "no.such")
    assert isinstance(caught.value, NutError) and isinstance(caught.value, VoltkeeperError)
    assert caught.value.outcome == "unsupported"


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.num_logins("rack\nINSTCMD rack load.off"),
        lambda c: c.num_logins("rack INSTCMD"),
        lambda c: c.var_type("rack", 'x "y"'),
        lambda c: c.run_command("rack", "load.off\nVER"),
        lambda c: c.run_command("rack", "beeper.mute 1"),
        lambda c: c.run_command("rack", "beeper.mute", "1\nINSTCMD rack load.off"),
        lambda c: c.login("rack "),
        lambda c: c.set_var("rack ups.id", "x", "y"),
        lambda c: PyNUTClient.fsd(c, "rack"),
        lambda c: PyNUTClient.list_clients(c),
        lambda c: PyNUTClient.set_var(c, "rack", "ups.id", "two words"),
    ],
)
def test_what_is_no_request_of_ours_never_leaves_whatever_nut2_writes(server, call):
    with NutClient("127.0.0.1", server.port, "operator", "demo", timeout=2) as client:
        before = list(server.requests)
        with pytest.raises(NutError) as caught:
            call(client)
        assert caught.value.outcome == "invalid" and client.usable
        assert server.requests == before and "demo" in client.ver()


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (lambda c: c.num_logins("rack"), "NUMLOGINS desk 1"),
        (lambda c: c.num_logins("rack"), "NUMLOGINS rack"),
        (lambda c: c.num_logins("rack"), "NUMLOGINS rack one"),
        (lambda c: c.num_logins("rack"), "NUMLOGINS rack 1 2"),
        (lambda c: c.num_logins("rack"), 'VAR rack ups.status "OL"'),
        (lambda c: c.var_type("rack", "ups.id"), "TYPE rack ups.id"),
        (lambda c: c.var_type("rack", "ups.id"), "TYPE rack ups.mfr RW STRING:8"),
        (lambda c: c.set_var("rack", "ups.id", "x"), "SUCCESS"),
        (lambda c: c.run_command("rack", "beeper.mute"), "OKAY"),
        (lambda c: c.get_var("rack", "ups.id"), 'VAR rack ups.id "half'),
        (lambda c: c.ver(), ""),
        (lambda c: c.tracked("id"), "OK"),
        (lambda c: c.login("rack"), "VAR"),
    ],
)
def test_a_wrong_answer_never_reaches_nut2(server, call, answer, monkeypatch):
    with NutClient("127.0.0.1", server.port, timeout=2) as client:
        monkeypatch.setattr(Connection, "_line", lambda self: answer)
        with pytest.raises(NutError) as caught:
            call(client)
        assert caught.value.outcome == "protocol" and not client.usable


@pytest.mark.parametrize(
    ("call", "answer", "result"),
    [
        (lambda c: c.num_logins("Rack"), "NUMLOGINS rack  3", 3),
        (lambda c: c.var_type("rack", "ups.id"), "TYPE  rack ups.id  RW STRING:8", "RW STRING:8"),
        (lambda c: c.run_command("rack", "load.on", 30), "OK TRACKING 1-2", "1-2"),
        (lambda c: c.set_var("rack", "ups.id", "x"), "OK", ""),
        (lambda c: c.get("rack", "ups.id"), r'VAR rack ups.id "a \"b\" \\ c "', 'a "b" \\ c '),
    ],
)
def test_odd_but_right_answers(server, call, answer, result, monkeypatch):
    with NutClient("127.0.0.1", server.port, timeout=2) as client:
        monkeypatch.setattr(Connection, "_line", lambda self: answer)
        assert call(client) == result and client.usable
