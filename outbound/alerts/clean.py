"""Names and texts as they can stand in any message: on one line, readable, of a limited length. Pure."""

import re
import unicodedata

HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn"))  # control and format characters, halves of pairs, private
BREAKS = frozenset("\t\n\v\f\r\x85\u2028\u2029")
RIGHT_TO_LEFT = frozenset(("R", "AL", "AN"))
FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"  # what is between does not turn what is around
MOST_MARKS = 2  # accents on one letter; more would be drawn over the lines above
ELLIPSIS = "…"
# What chats take for a call of everyone in the room; an `@` within a name, as in rack@closet, is none.
MENTION = re.compile(r"(?<!\S)@(everyone|here|channel|all|room)\b", re.IGNORECASE)


def clean_line(text: str, longest: int) -> str:
    """The text on one line of at most `longest` characters, without what cannot be seen or turns the line."""
    spaced = "".join(" " if character in BREAKS else character for character in text)
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", spaced):
        category = unicodedata.category(character)
        marks = marks + 1 if category.startswith("M") else 0
        if category not in HIDDEN and marks <= MOST_MARKS:
            kept.append(" " if category == "Zs" else character)
    return cut(MENTION.sub(r"@ \1", " ".join("".join(kept).split())), longest)


def cut(text: str, longest: int) -> str:
    """At most `longest` characters, an ellipsis for what is left out; no letter loses its accent."""
    if len(text) <= longest:
        return text
    end = max(0, longest - 1)
    while end and unicodedata.category(text[end]).startswith("M"):
        end -= 1
    return text[:end].rstrip(" ,;:") + ELLIPSIS


def clean_name(text: str, longest: int) -> str:
    """A name for the middle of a line: one with letters that run from right to left keeps them to itself."""
    if any(unicodedata.bidirectional(character) in RIGHT_TO_LEFT for character in text):
        return f"{FIRST_STRONG_ISOLATE}{clean_line(text, longest - 2)}{POP_ISOLATE}"
    return clean_line(text, longest)
