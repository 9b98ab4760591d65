"""The blocks of a page that can be renewed one by one, cut out of its HTML, and what differs between two.

A block is an element with an id and with `data-live`, which names the topics of `changes` that it shows. What
stands around blocks in <main> is a block of its own, its frame. Ages are left out, since browsers count them
themselves, and so are the tokens of forms, which are secrets.
"""

import re
from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

HOLD = "data-hold"  # in a frame: the place of a block, which is renewed by itself
DRAWING_S = 60  # how long a chart stays while nothing happens that is to be seen at once

# A tag that opens; its attributes, which are in quotes.
OPENED = re.compile(r'<([a-z][a-z0-9]*)((?:\s[^\s=>]+(?:="[^"]*")?)*)\s*>')
LIVE = re.compile(r'\sdata-live="([^"]+)"')
ID = re.compile(r'\sid="([^"]+)"')
AGE = re.compile(r"(<time\b[^>]*\sdata-ago\b[^>]*>)[^<]*")
TOKEN = re.compile(r'(\sname="csrftoken" value=")[^"]*')
VERSION = re.compile(r'\sdata-version="[^"]*"')
DRAWING = re.compile(r'<(figure|svg) class="[^"]*\b(?:chart|sparkline)\b')
PIECES = re.compile(r"(?=<[a-z])")  # static/live.js cuts at the same places

Change: TypeAlias = list[int | str]  # texts, and pairs of numbers: the first of the pieces known, how many


class Drawing(NamedTuple):
    """A chart as it was drawn at a time of `time.monotonic()`."""

    text: str
    at: float


class LiveBlock:
    """The HTML of a block. Its charts stand apart: they change all the time, and are long."""

    def __init__(self, around: Sequence[str], drawings: Sequence[Drawing]) -> None:
        self._around, self.drawings = around, drawings
        self.text = around[0] + "".join(
            drawing.text + after for drawing, after in zip(drawings, around[1:], strict=True)
        )

    @cached_property
    def pieces(self) -> list[str]:
        """The HTML, cut before each tag that opens."""
        return [piece for piece in PIECES.split(self.text) if piece]

    @cached_property
    def marks(self) -> Sequence[int]:
        """A number for each piece: the same for pieces that are the same."""
        return array("q", map(hash, self.pieces))

    def with_drawings_of(self, old: "LiveBlock", now: float) -> "LiveBlock":
        """This block with those charts of an earlier one that are not old yet."""
        if len(self.drawings) != len(old.drawings):
            return self
        kept = [
            before if before.text == drawn.text or now - before.at < DRAWING_S else drawn
            for before, drawn in zip(old.drawings, self.drawings, strict=True)
        ]
        return LiveBlock(self._around, kept)


LiveBlocks: TypeAlias = dict[str, LiveBlock]  # by id


class LiveParts(NamedTuple):
    """The HTML of what can be renewed of a page, by id, and the topics that it shows."""

    texts: dict[str, str]
    topics: frozenset[str]


def find_parts(html: str) -> LiveParts:
    """The blocks of a page, the frame around them first; nothing where <main> has none."""
    html = VERSION.sub("", TOKEN.sub(r"\1", AGE.sub(r"\1", html)), 1)
    start, end = html.find("<main"), html.rfind("</main>") + len("</main>")
    found = list(_find_live(html))
    inside = [one for one in found if start <= one.start < end]
    if not inside:
        return LiveParts({}, frozenset())
    texts = {one.id: html[one.start : one.end] for one in found}
    frame_id = ID.search(html, start, html.find(">", start))
    if frame_id is not None and frame_id[1] not in texts:
        texts = {frame_id[1]: _frame(html, start, end, inside), **texts}
    return LiveParts(texts, frozenset(topic for one in found for topic in one.topics))


class _Found(NamedTuple):
    tag: str
    id: str
    topics: list[str]
    start: int
    end: int


def _find_live(html: str) -> Iterator[_Found]:
    """Elements with `data-live` and an id, none of which is inside another."""
    at = 0
    while (at := html.find(" data-live=", at)) >= 0:
        start = html.rfind("<", 0, at)
        opened = OPENED.match(html, start)
        at += 1
        if opened is None:
            continue
        live, name = LIVE.search(opened[2]), ID.search(opened[2])
        if live is None or name is None:
            continue
        end = _end(html, opened[1], start)
        yield _Found(opened[1], name[1], live[1].split(), start, end)
        at = end


def _end(html: str, tag: str, start: int) -> int:
    """Where the element ends that starts there."""
    depth = 0
    for found in re.compile(rf"<(/?){tag}\b").finditer(html, start):
        depth += -1 if found[1] else 1
        if depth == 0:
            return found.end() + 1
    return len(html)


def _frame(html: str, start: int, end: int, inside: list[_Found]) -> str:
    texts: list[str] = []
    at = start
    for one in inside:
        texts += html[at : one.start], f'<{one.tag} id="{one.id}" {HOLD}></{one.tag}>'
        at = one.end
    return "".join([*texts, html[at:end]])


def as_block(html: str, now: float) -> LiveBlock:
    """The block of a text whose charts were drawn now."""
    around, drawings, at = [], [], 0
    while found := DRAWING.search(html, at):
        end = _end(html, found[1], found.start())
        around.append(html[at : found.start()])
        drawings.append(Drawing(html[found.start() : end], now))
        at = end
    return LiveBlock([*around, html[at:]], drawings)


def change_of(marks: Sequence[int], block: LiveBlock) -> Change:
    """What makes the block out of the pieces of an earlier one, of which `marks` are left."""
    places = {mark: place for place, mark in reversed(list(enumerate(marks)))}
    change: Change = []
    count = 0  # of the pieces that are known, the last ones used
    at = 0  # where the next one is known, if nothing else differs

    def end_run() -> None:
        if count:
            change.extend((at - count, count))

    for piece, mark in zip(block.pieces, block.marks, strict=True):
        if at < len(marks) and marks[at] == mark:
            count += 1
            at += 1
            continue
        end_run()
        count = 0
        if mark in places:
            at, count = places[mark] + 1, 1
            continue
        at += 1
        if change and isinstance(change[-1], str):
            change[-1] += piece
        else:
            change.append(piece)
    end_run()
    return change
