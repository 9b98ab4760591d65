"""Framing and decoding: any chopping gives the same lines, and a bad line disturbs no other."""

import random

from ingest.mysensors.framing import LineDecoder

GOOD = b"12;6;1;0;0;36.5\n"
ITEM = ((12, 6, 1, 0, 0), "36.5")


def read(data, size=None, starts_mid_line=False):
    lines = LineDecoder(starts_mid_line)
    items, rejects = [], []
    for start in range(0, len(data), size or len(data) or 1):
        more, bad = lines.decode_block(data[start : start + (size or len(data))])
        items += more
        rejects += bad
    return items, rejects + lines.finish()


def test_bad_lines_lie_between_good_ones_and_keep_their_order():
    bad = [b"12;6;1;0", b"\xff\xfe;1", b"x" * 300, b"", b"12;6;9;0;0;1"]
    items, rejects = read(GOOD + b"\n".join(bad[:3]) + b"\n" + GOOD + b"\n".join(bad[3:]) + b"\n" + GOOD)
    assert items == [ITEM] * 3
    assert [raw for raw, _ in rejects] == ["12;6;1;0", r"\xff\xfe;1", "x" * 300, "12;6;9;0;0;1"]
    words = ["4 fields", "no UTF-8 where the five numbers", "300 bytes long", "command is '9'"]
    assert all(said in reason for (_, reason), said in zip(rejects, words, strict=True))


def test_any_chopping_gives_the_same_lines():
    chance = random.Random(5003)
    pieces = [
        GOOD,
        b"1;2;1;0;47;Gr\xc3\xbc\xc3\x9fe;a;b\n",
        b"\xff\n",
        b"1;2;1;0;43;\xb0C\n",
        b"junk\n",
        b"\n",
        b"a" * 3000 + b"\n",
        b"7;7;1;0;2;1\r\n",
    ]
    data = b"".join(chance.choices(pieces, k=300)) + b"12;6;1;"
    whole = read(data)
    assert len(whole[0]) > 50 and len(whole[1]) > 50
    for size in (1, 2, 7, 100, 1023, 1024, 1025):
        items, rejects = read(data, size)
        assert items == whole[0]
        assert rejects == whole[1]


def test_a_carriage_return_at_the_end_is_no_payload():
    assert read(b"7;7;1;0;2;1\r\n") == ([((7, 7, 1, 0, 2), "1")], [])


def test_half_a_line_is_rejected_when_the_connection_ends():
    items, rejects = read(GOOD + b"12;6;1;0;0;36")
    assert items == [ITEM]
    assert rejects == [("12;6;1;0;0;36", "cut off: the connection was lost in the middle of the line")]


def test_the_length_limit_is_255():
    head = "12;6;1;0;47;"
    fits = head + "x" * (255 - len(head))
    assert read(f"{fits}\n".encode()) == ([((12, 6, 1, 0, 47), fits[len(head) :])], [])
    items, [(raw, reason)] = read(f"{fits}x\n".encode())
    assert (items, raw) == ([], fits + "x")
    assert "256 bytes long" in reason


def test_a_line_without_end_needs_little_memory_and_is_rejected_once():
    lines = LineDecoder()
    for _ in range(1000):
        assert lines.decode_block(b"y" * 10_000) == ([], [])
    items, [(raw, reason)] = lines.decode_block(b"y\n" + GOOD)
    assert items == [ITEM]
    assert raw == "y" * 1024
    assert "10000001 bytes long" in reason


def test_the_first_line_of_a_port_opened_in_the_middle_is_refused_whatever_it_looks_like():
    items, [(raw, reason)] = read(GOOD + GOOD, starts_mid_line=True)
    assert items == [ITEM]
    assert raw == "12;6;1;0;0;36.5"
    assert "beginning may be missing" in reason


def test_hex_is_kept_as_it_is():
    assert read(b"9;255;4;0;0;0a0003002000D7950103\n")[0][0][1] == "0a0003002000D7950103"
