"""Names and texts on one line, readable, of a limited length."""

import pytest

from outbound.alerts.clean import clean_line, clean_name, cut

LINES = [
    ("Rack", "Rack"),
    ("  a \t b\n\n c ", "a b c"),
    ("a\u2028b\x85c", "a b c"),
    ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
    ("a\u202eb\u200bc\ufeff\U000e0001", "abc"),
    ("\ud800x\ue000", "x"),
    ("e\u0301", "é"),
    ("R\u0336\u0337\u0338\u0335a\u0336", "R\u0336\u0337a\u0336"),
    ("10\u202f%\u00a0of", "10 % of"),
    ("@everyone look, @here", "@ everyone look, @ here"),
    ("rack@here", "rack@here"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "line"), LINES)
def test_a_line_has_only_what_can_be_seen(text, line):
    assert clean_line(text, 50) == line


CUTS = [
    ("abcdef", 6, "abcdef"),
    ("abcdefg", 6, "abcde…"),
    ("abcd, efg", 6, "abcd…"),
    ("abcdx\u0301gh", 6, "abcd…"),
    ("\u0301\u0301\u0301", 2, "…"),
    ("abc", 1, "…"),
]


@pytest.mark.parametrize(("text", "longest", "short"), CUTS)
def test_what_is_too_long_is_cut_between_letters(text, longest, short):
    assert cut(text, longest) == short and len(cut(text, longest)) <= longest


def test_a_name_from_right_to_left_turns_nothing_around_it():
    assert clean_name("\u05d0\u05e8\u05d5\u05df", 20) == "\u2068\u05d0\u05e8\u05d5\u05df\u2069"
    assert len(clean_name("\u05d0" * 50, 20)) == 20
    assert clean_name("Rack", 20) == "Rack"
