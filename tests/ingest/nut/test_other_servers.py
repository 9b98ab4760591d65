"""Servers that are not upsd, or that refuse something: users, addresses, and bytes that are no UTF-8.

upsd of NUT 2.8 itself leaves out every byte above 127.
"""

import pytest

from ingest.nut.client import NutClient
from ingest.nut.errors import NutError
from ingest.nut.reader import NutReaderTiming
from tests.ingest.nut.lab import until
from tests.ingest.nut.scripted import CLOSE, RACK, SILENCE, ScriptedUpsd
from tests.ingest.ups.test_ups_reader import Reading

USER = {"username": "reader", "password": "secret"}
HASTY = NutReaderTiming(least_answer_s=0.4)

# What servers of other make answer to a user, by request.
REFUSALS = {
    "no verb of this name": {"USERNAME": b"ERR UNKNOWN-COMMAND\n"},
    "the password alone": {"PASSWORD": b"ERR UNKNOWN-COMMAND\n"},
    # DSM 6.2 and 7.1, WinNUT-Client issues 79 and 122
    "a name it cannot split": {"USERNAME": b"ERR INVALID-ARGUMENT\n"},
    "no such user": {"USERNAME": b"ERR INVALID-USERNAME\r\n"},
    "a wrong password": {"PASSWORD": b"ERR ACCESS-DENIED\n"},  # maverick1982/esp32-nut
    "a reason of its own": {"USERNAME": b"ERR FAILED - no users here\n"},
    "ERR and nothing else": {"USERNAME": b"ERR\n"},
    "it hangs up": {"USERNAME": CLOSE},
    "it hangs up at the password": {"PASSWORD": CLOSE},
    "it refuses and hangs up": {"USERNAME": b"ERR UNKNOWN-COMMAND\n", "VER": CLOSE},
    "it says nothing": {"USERNAME": SILENCE},
    "another answer": {"USERNAME": b"what?\n"},
}


class ForgetfulUpsd(ScriptedUpsd):
    """Hangs up at VER only on a connection that has named a user."""

    def reply(self, request):
        if request == "VER" and not any(one.startswith("USERNAME") for one in self.requests[-2:]):
            return RACK["VER"]
        return super().reply(request)


@pytest.mark.parametrize("answers", REFUSALS.values(), ids=REFUSALS)
def test_a_server_that_refuses_the_user_is_read(answers):
    with ForgetfulUpsd(answers) as server, Reading(server, timing=HASTY, **USER) as reading:
        assert until(lambda: reading.polls(outcome="ok"), lambda polls: len(polls) >= 2)
        detail = until(lambda: reading.health.detail, lambda text: "reading goes on" in text)
        assert "reading goes on without" in detail and "reader" in detail and "secret" not in detail
        assert reading.health.state == "connected"
        refused = [poll for poll in reading.polls() if poll.outcome != "ok"]
        assert len(refused) == 1 and refused[0].informational and "secret" not in refused[0].message


def test_a_server_without_users_is_told_apart_from_a_wrong_password():
    with ScriptedUpsd({"USERNAME": b"ERR UNKNOWN-COMMAND\n"}) as server, Reading(server, **USER) as reading:
        detail = until(lambda: reading.health.detail, lambda text: "takes no user" in text)
        assert "ERR UNKNOWN-COMMAND" in detail and "take username and password out" in detail
    with ScriptedUpsd({"PASSWORD": b"ERR ACCESS-DENIED\n"}) as server, Reading(server, **USER) as reading:
        detail = until(lambda: reading.health.detail, lambda text: "reading goes on" in text)
        assert "denied" in detail and "takes no user" not in detail


def test_a_user_that_was_taken_once_is_not_left_out_later():
    """A server that stops in the middle of the dialogue is not one without users."""
    with ScriptedUpsd() as server, Reading(server, timing=HASTY, **USER) as reading:
        assert until(lambda: reading.polls(outcome="ok"), bool)
        server.answers |= {"USERNAME": CLOSE, "GET VAR rack": CLOSE, "LIST VAR rack": CLOSE}
        assert until(lambda: reading.polls(outcome="closed"), bool)
        assert "takes no user" not in reading.health.detail


@pytest.mark.parametrize("word", ["LIST", "VER", "USERNAME"])
def test_what_access_denied_to_a_reading_request_usually_means(word):
    """A Synology says so to each address that is not on its list: WinNUT-Client 96, home-assistant 94501."""
    denied = {word: b"ERR ACCESS-DENIED\n", "LIST": b"ERR ACCESS-DENIED\n"}
    denied |= {f"{verb} rack": b"ERR ACCESS-DENIED\n" for verb in ("LIST VAR", "GET VAR")}
    with ScriptedUpsd(denied | {"LIST UPS": b"ERR ACCESS-DENIED\n"}) as server:
        for chosen in ((), ("rack",)):
            with Reading(server, ups=chosen, timing=HASTY, **USER) as reading:
                detail = until(lambda: reading.health.detail, lambda text: "LIST" in text or "GET" in text)
                assert "127.0.0.1" in detail and "Synology" in detail and "permitted devices" in detail
                assert reading.health.state in ("lost", "silent")


def test_access_denied_to_an_order_still_means_its_user():
    with (
        ScriptedUpsd({"SET": b"ERR ACCESS-DENIED\n"}) as server,
        NutClient("127.0.0.1", server.port) as client,
        pytest.raises(NutError) as caught,
    ):
        client.set_var("rack", "ups.id", "x")
    assert "upsd.users" in caught.value.message and "Synology" not in caught.value.message


@pytest.mark.parametrize(
    ("user", "password", "sent"),
    [
        ("reader", "secret", ["USERNAME reader", "PASSWORD secret"]),
        ("a.b_c-d@e", "0", ["USERNAME a.b_c-d@e", "PASSWORD 0"]),
        ("two words", 'q"\\', ['USERNAME "two words"', 'PASSWORD "q\\"\\\\"']),
        (
            "I9PUzKl3aLU=",
            "#1",
            ['USERNAME "I9PUzKl3aLU="', 'PASSWORD "\\#1"'],
        ),  # upsd splits at =, # ends a line
    ],
)
def test_a_user_is_quoted_only_where_it_has_to_be(user, password, sent):
    with ScriptedUpsd() as server, NutClient("127.0.0.1", server.port, user, password) as client:
        assert client.user_taken
        assert server.requests == sent


def test_an_order_needs_its_user():
    with ScriptedUpsd({"USERNAME": b"ERR UNKNOWN-COMMAND\n"}) as server, pytest.raises(NutError) as caught:
        NutClient("127.0.0.1", server.port, **USER)
    assert caught.value.answered and caught.value.outcome == "unsupported"


BYTES = {
    "Latin-1": ("Büro".encode("latin-1"), "Büro"),
    "UTF-8": ("Büro ✓ яяMPAQ".encode(), "Büro ✓ яяMPAQ"),
    "UTF-8 spaces": (b"\xc2\xa0 TRIPP LITE", "\xa0 TRIPP LITE"),  # the device library has such models
    "Latin-1 spaces": (b"UPS\xa0\xa0", "UPS\xa0\xa0"),
    "degrees": (b"25 \xb0C", "25 °C"),
    "erased memory": (b"\xff\xff\xff", "ÿÿÿ"),
    "half of a UTF-8 character": (b"Bur\xc3", "BurÃ"),
    "a line end of Latin-1": (b"a\x85b", "a\x85b"),
    "quoted": (b'\\"\xe9\\" \\\\', '"é" \\'),
}


@pytest.mark.parametrize(("raw", "text"), BYTES.values(), ids=BYTES)
def test_bytes_are_utf8_else_latin1_line_by_line(raw, text):
    lines = b'BEGIN LIST VAR rack\nVAR rack a "\xc3\xbc"\nVAR rack ups.id "%b"\nVAR rack z "\xe2\x9c\x93"\n'
    answers = {
        "LIST VAR rack": (lines + b"END LIST VAR rack\n").replace(b"%b", raw),
        "GET VAR rack ups.id": b'VAR rack ups.id "' + raw + b'"\n',
        "LIST UPS": b'BEGIN LIST UPS\nUPS rack "' + raw + b'"\nEND LIST UPS\n',
        "VER": b"upsd " + raw + b"\n",
    }
    with ScriptedUpsd(answers) as server, NutClient("127.0.0.1", server.port) as client:
        assert client.list_vars("rack") == {"a": "ü", "ups.id": text, "z": "✓"}
        assert client.get_var("rack", "ups.id") == text
        assert client.list_ups() == {"rack": text}
        assert client.ver().startswith("upsd ")


@pytest.mark.parametrize(
    "denied",
    [
        {"SET VAR rack": b"ERR ACCESS-DENIED\n", "LOGIN rack": b"ERR ACCESS-DENIED\n"},
        {"PASSWORD": b"ERR ACCESS-DENIED\n", "SET VAR rack": b"ERR USERNAME-REQUIRED\n"},
        {"PASSWORD": b"ERR INVALID-PASSWORD\n", "SET VAR rack": b"ERR PASSWORD-REQUIRED\n"},
    ],
    ids=["upsd", "refused at the password", "another word"],
)
def test_a_password_that_is_corrected_on_the_server_is_noticed_with_the_next_poll(denied):
    with ScriptedUpsd(denied) as server, Reading(server, timing=HASTY, **USER) as reading:
        assert until(lambda: reading.health.detail, lambda text: text.startswith("denied"))
        connects = reading.health.connects
        server.answers |= {"PASSWORD": b"OK\n", "SET VAR rack": b"ERR ACCESS-DENIED\n", "LOGIN rack": b"OK\n"}
        detail = until(lambda: reading.health.detail, lambda text: "denied" not in text, seconds=2)
        assert "denied" not in detail and reading.health.connects == connects
        assert reading.health.state == "connected"
