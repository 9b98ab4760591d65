"""What is kept of live pages: what they were rendered to last, and what browsers have of them.

A page is rendered again when its topics changed, or after a minute, since states also change because nothing
is heard. However many tabs ask for it, it takes a twentieth of the time.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from plugins.web.live.blocks import Change, LiveBlock, LiveBlocks, LiveParts, as_block, change_of

Marks: TypeAlias = Sequence[int]
Seqs: TypeAlias = Mapping[str, int]  # topic -> how often it changed

MAX_PAGES, MAX_VERSIONS = 48, 64
SHARED, MAX_SHARED_S = 20, 10  # times as long as it took to render, a page is good for whoever asks
AT_LEAST_S = 60
AT_ONCE = frozenset({"events"})  # topics that renew charts, too
# Topics of what comes all the time. It is sent together, at each second look of a browser.
ROUTINE = frozenset(
    "messages nodes sensors channels readings battery_levels oddities rejects dropped ingest_status "
    "ups ups_samples ups_figures ups_variables polls clock_state".split()
)
ROUTINE_S = 8
EAGER_S = 30  # after an action, in which changes are sent at once: its effects come as readings


class Held(NamedTuple):
    """What a browser has of a block: the text itself, as marks, or only its page."""

    text: int  # a mark of the whole
    marks: Marks | None


Version: TypeAlias = dict[str, Held]


class Times(NamedTuple):
    """When rendering began, and when it was ready, by `time.monotonic()`."""

    started: float
    ready: float


class LivePage:
    """A page as one visitor sees it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()  # of rendering
        self.blocks: LiveBlocks = {}
        self.topics: frozenset[str] = frozenset()
        self._seqs: Seqs | None = None
        self._rendered_at = self._shared_until = self._eager_until = float("-inf")
        self._versions: OrderedDict[str, Version] = OrderedDict()
        self._answers: dict[str, bytes | None] = {}  # by version

    def is_shared(self, now: float) -> bool:
        """Whether it was rendered just now."""
        return now < self._shared_until

    def is_right(self, now: float, seqs: Seqs) -> bool:
        """Whether nothing has changed since it was rendered that is to be seen already."""
        age = now - self._rendered_at
        if self._seqs is None or age >= AT_LEAST_S:
            return False
        changed = {topic for topic in self.topics if self._seqs.get(topic) != seqs.get(topic)}
        return not changed or (changed <= ROUTINE and age < ROUTINE_S and now >= self._eager_until)

    def expire(self, now: float) -> None:
        """After an action: render it again for the next request."""
        self._rendered_at = self._shared_until = float("-inf")
        self._eager_until = now + EAGER_S

    def take(self, parts: LiveParts, times: Times, seqs: Seqs | None) -> LiveBlocks:
        """What it was rendered to, after `seqs` were read; returns its blocks."""
        at_once = not (seqs and self._seqs) or any(seqs.get(one) != self._seqs.get(one) for one in AT_ONCE)
        old = {} if at_once else self.blocks
        blocks = {
            name: self._renewed(name, text, old.get(name), times.ready) for name, text in parts.texts.items()
        }
        if times.started >= self._rendered_at:  # else a later one was quicker
            self.blocks, self.topics, self._seqs = blocks, parts.topics, seqs
            self._rendered_at = times.started
            self._shared_until = times.ready + min(SHARED * (times.ready - times.started), MAX_SHARED_S)
            self._answers.clear()
        return blocks

    def _renewed(self, name: str, text: str, charts: LiveBlock | None, now: float) -> LiveBlock:
        """A block of this text, with charts of an earlier one; the one that is here where it is the same."""
        block, old = as_block(text, now), self.blocks.get(name)
        if charts is not None:
            block = block.with_drawings_of(charts, now)
        return old if old is not None and block.text == old.text else block

    def note(self, version: str, blocks: LiveBlocks) -> None:
        """A browser has a page of these blocks, but not their texts, under the name `version`."""
        self._keep(version, {name: Held(hash(block.text), None) for name, block in blocks.items()})

    def answer(self, version: str) -> bytes | None:
        """JSON of what has changed since that version; None where nothing has."""
        if version not in self._answers:
            self._answers[version] = self._change(self._versions.get(version, {}))
        return self._answers[version]

    def _change(self, known: Version) -> bytes | None:
        changes: list[tuple[str, Change]] = []
        now: Version = {}
        for name, block in self.blocks.items():
            held, mark = known.get(name), hash(block.text)
            if held is not None and held.text == mark:
                now[name] = held
            else:
                changes.append((name, change_of(held.marks or () if held else (), block)))
                now[name] = Held(mark, block.marks)
        if not changes and known.keys() == now.keys():
            return None
        state = hash(tuple((name, held.text, held.marks is None) for name, held in now.items()))
        version = f"{state & 0xFFFFFFFFFF:x}"
        self._keep(version, now)
        answer = {"version": version, "blocks": changes}
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()

    def _keep(self, name: str, version: Version) -> None:
        self._versions[name] = version
        self._versions.move_to_end(name)
        while len(self._versions) > MAX_VERSIONS:
            self._versions.popitem(last=False)


class LivePages:
    """Those that were asked for last."""

    def __init__(self) -> None:
        self._pages: OrderedDict[object, LivePage] = OrderedDict()

    def page(self, key: object) -> LivePage:
        """The page of a key, an empty one where there is none."""
        page = self._pages.setdefault(key, LivePage())
        self._pages.move_to_end(key)
        while len(self._pages) > MAX_PAGES:
            self._pages.popitem(last=False)
        return page

    def expire(self, now: float) -> None:
        """After an action: the next requests for pages show its effect."""
        for page in self._pages.values():
            page.expire(now)
