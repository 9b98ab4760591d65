"""The gateway's own reading and writing of lines: limits and oddities of the C++ library (facts 1.1)."""

import pytest

from ingest.demo.wire import Incoming, Outgoing, ReceiveBuffer, format_outgoing, parse_incoming


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"42;1;1;1;2;1", Incoming(42, 1, 1, 1, 2, b"1")),
        (b"14;1;1;0;49;55.72;13.01;18", Incoming(14, 1, 1, 0, 49, b"55.72")),
        (b"0;255;3;0;;2;", Incoming(0, 255, 3, 0, 2, b"0")),
        (b"42;1;1;0;47;", Incoming(42, 1, 1, 0, 47, b"0")),
        (b"42;1;1;0;47", Incoming(42, 1, 1, 0, 47, b"0")),
        (b"42;1;1;0;47;;x", Incoming(42, 1, 1, 0, 47, b"x")),
        (b"42;1;1;0;47; \xc3\xa9 ", Incoming(42, 1, 1, 0, 47, b" \xc3\xa9 ")),
        (b"42;1;1;0;47;" + b"a" * 30, Incoming(42, 1, 1, 0, 47, b"a" * 25)),
        (b"256;255;11;0;2;", Incoming(0, 255, 3, 0, 2, b"0")),
        (b"42;255;4;0;1;01000aFF", Incoming(42, 255, 4, 0, 1, b"\x01\x00\x0a\xff")),
        (b"42;1;1;0;2;1\r", Incoming(42, 1, 1, 0, 2, b"1")),
        (b"42;1;1;0", None),
        (b"hello", None),
        (b"", None),
    ],
)
def test_parse_incoming(line, message):
    assert parse_incoming(line) == message


def test_format_outgoing_cuts_the_payload_and_writes_upper_case_hex():
    assert format_outgoing(Outgoing(7, 1, 1, 0, 47, b"b" * 30)) == b"7;1;1;0;47;" + b"b" * 25
    assert format_outgoing(Outgoing(7, 255, 4, 0, 0, b"\x0a\xff")) == b"7;255;4;0;0;0AFF"


def test_line_ends():
    assert list(ReceiveBuffer().split_lines(b"a;b\r\nc\n")) == [b"a;b", b"", b"c"]
    assert list(ReceiveBuffer(ends=b"\n").split_lines(b"a;b\r\nc\n")) == [b"a;b\r", b"c"]


def test_98_characters_fit_and_99_do_not():
    assert list(ReceiveBuffer().split_lines(b"x" * 98 + b"\n")) == [b"x" * 98]
    assert list(ReceiveBuffer().split_lines(b"x" * 99 + b"\n")) == []


def test_the_tail_of_an_over_long_line_is_a_line_of_its_own():
    assert list(ReceiveBuffer().split_lines(b"x" * 100 + b"0;255;3;0;2;\n")) == [b"0;255;3;0;2;"]


def test_lines_may_arrive_in_pieces():
    lines = ReceiveBuffer()
    assert list(lines.split_lines(b"7;1;1")) == []
    assert list(lines.split_lines(b";0;2;1\n")) == [b"7;1;1;0;2;1"]
