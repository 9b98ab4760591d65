"""What people named with characters of Markdown is shown as they wrote it."""

import pytest

from outbound.senders.markdown import escape_markdown


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("Rack: on battery, 23 min left", "Rack: on battery, 23 min left"),
        ("_new_ *rack* ~~old~~ ||x|| `y`", r"\_new\_ \*rack\* \~\~old\~\~ \|\|x\|\| \`y\`"),
        (r"a\b [c](d) <@12>", r"a\\b \[c\](d) \<@12>"),
        ("# 1\n> 2\n-# 3\n- 4 # 5 > 6", "\\# 1\n\\> 2\n\\-# 3\n- 4 # 5 > 6"),
        ("_x_: https://volt.example.org/ups/a_b_c *y*", r"\_x\_: https://volt.example.org/ups/a_b_c \*y\*"),
    ],
)
def test_each_character_that_formats_is_escaped_but_in_an_address(text, escaped):
    assert escape_markdown(text) == escaped
