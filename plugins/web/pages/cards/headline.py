"""The sentences that a dashboard begins with: what the house runs on, what needs a look, the last outage."""

from typing import NamedTuple

from plugins.web.pages.cards.card import Found
from plugins.web.query import Row

NUMBERS = "no one two three four five six seven eight nine ten eleven twelve".split()
MAINS = {
    "mains": "The house runs on mains.",
    "battery": "The house runs on battery.",
    "partly": "A part of the house runs on battery.",
    "unknown": "No UPS answers.",
}


class Headline(NamedTuple):
    """The answer in one or two sentences; rows of house_now and of the last outage, where there are any."""

    text: str
    now: Row | None
    outage: Row | None
    slow: bool


def first_row(rows: list[Row] | None) -> Row | None:
    """The first of rows, if there is one."""
    return rows[0] if rows else None


def headline(found: Found) -> Headline:
    """Of the shared queries `now`, `attention`, `outages` and `upses`."""
    now = first_row(found["now"])
    attention = found["attention"]
    outage = first_row(found["outages"])
    first = _first(now)
    if attention is None:
        second = "What needs a look took too long to find."
    elif attention:
        second = f"{_count(len(attention))} need{'s' if len(attention) == 1 else ''} a look."
    else:
        second = "All is well." if now and (now["nodes_heard"] or now["mains"] == "mains") else ""
    return Headline(f"{first} {second}".strip(), now, outage, found["now"] is None)


def _first(now: Row | None) -> str:
    if now is None:
        return "What the house runs on took too long to find."
    if now["mains"]:
        return MAINS[now["mains"]]
    if not now["nodes_heard"]:
        return "Waiting for the first message."
    if now["nodes_heard"] == now["nodes"] == 1:
        return "The node is heard."
    if now["nodes_heard"] == now["nodes"]:
        return f"All {now['nodes']} nodes are heard."
    return f"{now['nodes_heard']} of {now['nodes']} nodes are heard."


def _count(number: int) -> str:
    word = NUMBERS[number].capitalize() if number < len(NUMBERS) else str(number)
    return f"{word} thing{'' if number == 1 else 's'}"
