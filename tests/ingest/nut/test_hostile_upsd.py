"""Servers that send more than a NUT server has: each limit is an error that names what is beyond it."""

import pytest

from ingest.nut.client import NutClient
from ingest.nut.errors import NutError
from tests.ingest.nut.lab import until
from tests.ingest.nut.scripted import ScriptedUpsd
from tests.ingest.nut.test_other_servers import HASTY
from tests.ingest.ups.test_ups_reader import Reading


def var_list(rows, end=b"END LIST VAR rack\n"):
    return b"BEGIN LIST VAR rack\n" + b"".join(rows) + end


def variables(number, value=b"1"):
    return [b'VAR rack outlet.%d.status "%s"\n' % (n, value) for n in range(number)]


FLOODS = {
    "a value of 20 MB": (
        {"LIST VAR rack": var_list([b'VAR rack ups.id "' + b"x" * 20_000_000 + b'"\n'])},
        "with a line of more than 65536 bytes, which begins with 'VAR rack ups.id",
    ),
    "a line without an end": (
        {"LIST VAR rack": b"BEGIN LIST VAR rack\nVAR rack battery.charge " + b"\0" * 200_000},
        "which begins with 'VAR rack battery.charge",
    ),
    "a list without an end": (
        {"LIST VAR rack": var_list(variables(6000), end=b"")},
        "answers LIST VAR rack with more than 5000 rows",
    ),
    "6,000 variables": ({"LIST VAR rack": var_list(variables(6000))}, "with more than 5000 rows"),
    "many large values": (
        {"LIST VAR rack": var_list(variables(40, b"y" * 40_000))},
        "answers LIST VAR rack with more than 1000000 bytes, so far in 25 rows, the last about 'outlet.24",
    ),
    "commands without an end": (
        {"LIST CMD rack": b"BEGIN LIST CMD rack\n" + b"CMD rack load.off\n" * 6000},
        "answers LIST CMD rack with more than 5000 rows",
    ),
    "a long refusal": ({"LIST VAR rack": b"ERR DATA-STALE " + b"z" * 60_000 + b"\n"}, "cable"),
    "a long word": ({"LIST VAR rack": b"z" * 60_000 + b"\n"}, "answers 'zzz"),
}


@pytest.mark.parametrize(("answers", "message"), FLOODS.values(), ids=FLOODS)
def test_too_much_is_an_error_that_names_it_in_few_characters(answers, message):
    with (
        ScriptedUpsd(answers) as server,
        NutClient("127.0.0.1", server.port) as client,
        pytest.raises(NutError) as caught,
    ):
        client.list_command_names("rack") if "LIST CMD rack" in answers else client.list_vars("rack")
    assert message in caught.value.message
    assert len(caught.value.message) < 700 and len(caught.value.raw) <= 250


def test_what_a_large_device_has_is_within_the_limits():
    rows = [*variables(4999), b'VAR rack ups.id "' + b"x" * 65_000 + b'"\n']
    with ScriptedUpsd({"LIST VAR rack": var_list(rows)}) as server:
        assert len(NutClient("127.0.0.1", server.port).list_vars("rack")) == 5000


def listed(names):
    rows = b"".join(b'UPS %s "One"\n' % name for name in names)
    return {"LIST UPS": b"BEGIN LIST UPS\n" + rows + b"END LIST UPS\n"}


def test_more_upses_than_a_server_has_are_named_as_that_unless_the_config_lists_some():
    names = [b"rack", *(b"u%d" % n for n in range(3000))]
    with ScriptedUpsd(listed(names)) as server:
        with Reading(server, timing=HASTY) as reading:
            detail = until(lambda: reading.health.detail, lambda text: "LIST UPS" in text)
            assert "more than 64 rows: name the UPSes to read under ups:" in detail
            assert reading.items == [] and reading.health.state == "lost"
        with Reading(server, timing=HASTY, ups=("rack",)) as reading:
            assert until(lambda: reading.polls(outcome="ok"), bool)


def test_64_upses_are_read():
    with ScriptedUpsd(listed(b"u%d" % n for n in range(64))) as server:
        assert len(NutClient("127.0.0.1", server.port).list_ups()) == 64


def test_upses_that_come_and_go_without_end_are_named_as_that():
    count = iter(range(100))

    def others(request):
        first = 64 * next(count)
        return listed(b"u%d" % n for n in range(first, first + 64))["LIST UPS"]

    timing = HASTY.__class__(list_s=0.0, least_answer_s=0.4)
    answers = {"LIST UPS": others, "LIST VAR": b"ERR DRIVER-NOT-CONNECTED\n"}
    with ScriptedUpsd(answers) as server, Reading(server, timing=timing) as reading:
        detail = until(lambda: reading.health.detail, lambda text: "more than 256 different" in text)
        assert "name those to read under ups:" in detail


def test_the_other_upses_of_a_server_are_read_while_one_sends_too_much():
    answers = listed([b"flood", b"rack"])
    answers["LIST VAR flood"] = b"BEGIN LIST VAR flood\nVAR flood a " + b"x" * 100_000
    with ScriptedUpsd(answers) as server, Reading(server, timing=HASTY) as reading:
        assert until(lambda: reading.polls("rack@closet", "ok"), bool)
        polls = until(lambda: reading.polls("flood@closet", "limit"), lambda polls: len(polls) > 2)
        assert "LIST VAR flood" in polls[0].message and not polls[0].message.startswith("x" * 300)
        assert reading.polls("rack@closet", "closed") == []
        detail = until(lambda: reading.health.detail, bool)
        assert detail.startswith("flood@closet: limit: ") and reading.health.state == "connected"


def test_a_status_of_any_length_is_cut():
    long = b"OL " * 15_000
    answers = {
        "GET VAR rack ups.status": b'VAR rack ups.status "' + long + b'"\n',
        "LIST VAR rack": var_list([b'VAR rack ups.status "' + long + b'"\n']),
    }
    with ScriptedUpsd(answers) as server, Reading(server, timing=HASTY) as reading:
        polls = until(lambda: reading.polls(outcome="ok"), lambda polls: len(polls) > 1)
        assert all(len(poll.status) == 256 and len(poll.variables["ups.status"]) == 256 for poll in polls)
