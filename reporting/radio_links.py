"""What the links of a radio network are like, in words: rows of the view radio_tree. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingest.db.durations import format_duration
from reporting.canned_queries import Row
from reporting.formatting import NARROW_SPACE, format_number, plural

NUMBERS = "no one two three four five six seven eight nine ten eleven twelve".split()
LINKS = {  # link of radio_tree -> icon, word, class of its state
    "good": ("✓", "good", "ok"),
    "heard": ("✓", "heard in time", "ok"),
    "fair": ("▲", "fair", "warning"),
    "weak": ("■", "weak", "critical"),
    "silent": ("◷", "silent", "stale"),
}
BASES = {  # basis of radio_tree -> by what a link is judged
    "loss": "by messages that were not acknowledged (good under 1 %, weak from 5 %)",
    "signal": "by the last signal report (good from −75 dBm, weak below −87)",
    "repeats": "by packets that arrived, with repeats (good from 80 %, weak below 50)",
    "silence": "by whether the node is heard in time, as nothing else is reported",
}


def spelled(number: int) -> str:
    """A small number as a word, for the middle of a sentence."""
    return NUMBERS[number] if number < len(NUMBERS) else f"{number:,}"


def describe_link(row: Row) -> str:
    """What is known of the link of a node: `−73 dBm`, `loses 0.2 %`, `heard every 10 min`."""
    if row["link"] == "silent":
        return (
            f"silent for {format_duration(row['silent_s'])}" if row["silent_s"] is not None else "never heard"
        )
    if row["basis"] == "loss":
        return f"loses {row['loss']:.1f}{NARROW_SPACE}%"
    if row["basis"] == "signal":
        return f"{row['signal']:+d}{NARROW_SPACE}dBm".replace("-", "−").replace("+", "")
    if row["basis"] == "repeats":
        return f"{row['arc']}{NARROW_SPACE}% arrive"
    usual = row["usual_interval_s"]
    return "heard" if usual is None else f"heard every {format_duration(usual)}"


def describe_traffic(messages: float | None) -> str:
    """Messages a day as text; empty where they are not known."""
    return "" if messages is None else f"{format_number(round(messages))} a day"


@dataclass(frozen=True)
class LinkSummary:
    """How many nodes are heard and which links are weak, and by what the links are judged."""

    nodes: int
    heard: int
    weak: Sequence[Row]
    silent: Sequence[Row]
    sent: int
    nacks: int
    bases: Counter[str]

    @property
    def headline(self) -> str:
        """The answer as a sentence or two."""
        heard = f"{self.heard} of {plural(self.nodes, 'node')} heard."
        if self.heard == self.nodes and self.nodes > 1:
            heard = f"All {self.nodes} nodes heard."
        judged = sum(count for basis, count in self.bases.items() if basis != "silence")
        if not judged:
            return heard
        weak = len(self.weak)
        verb = "is" if weak == 1 else "are"
        links = (
            f"{spelled(weak).capitalize()} link{'' if weak == 1 else 's'} {verb} weak."
            if weak
            else "No link is weak."
        )
        return f"{heard} {links}"

    @property
    def basis(self) -> str:
        """By what the links are coloured, as a sentence."""
        parts = [f"{spelled(self.bases[one])} {BASES[one]}" for one in BASES if self.bases[one]]
        return f"Colour: {'; '.join(parts)}." if parts else ""

    @property
    def loss(self) -> float | None:
        """Share of all transmissions that was not acknowledged in a week, per cent."""
        return 100 * self.nacks / self.sent if self.sent else None


def summarize_links(rows: Iterable[Row]) -> LinkSummary:
    """What the rows of radio_tree come to, without retired nodes."""
    nodes = [row for row in rows if row["state"] != "Retired"]
    links = [row for row in nodes if row["link"] is not None]
    silent = [row for row in nodes if row["state"] in ("Stale", "No data")]
    return LinkSummary(
        len(nodes),
        len(nodes) - len(silent),
        sorted((row for row in links if row["link"] == "weak"), key=_badness),
        sorted(silent, key=_loudness),
        _total(links, "sent"),
        _total(links, "nacks"),
        Counter(row["basis"] for row in links if row["link"] != "silent"),
    )


def _total(rows: Iterable[Row], column: str) -> int:
    return sum(row[column] or 0 for row in rows)


def _loudness(row: Row) -> float:
    return -(row["silent_s"] or 0)


def _badness(row: Row) -> tuple[float, float]:
    return -(row["loss"] or 0), row["signal"] or 0
