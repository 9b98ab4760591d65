"""Which rows of a list a page shows: those that match what the address asks for, some at a time. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from plugins.web.query import Row

MAX_PAGE = 10_000


class RowChoice(NamedTuple):
    """The rows of one page. `kept`: the parameters of its address, without the page."""

    shown: Sequence[Row]
    matching: int
    page: int
    pages: int
    kept: Mapping[str, str]
    per_page: int

    @property
    def first(self) -> int:
        """The place of the first one shown among those that match, from 1."""
        return (self.page - 1) * self.per_page + 1

    @property
    def last(self) -> int:
        """The place of the last one."""
        return self.first + len(self.shown) - 1


def choose_page(
    matching: Sequence[Row], text: str | None, kept: Mapping[str, str], per_page: int
) -> RowChoice:
    """The page of a number given as text; one that does not exist is the nearest one."""
    pages = max(1, -(-len(matching) // per_page))
    text = text or "1"
    number = int(text) if text.isascii() and text.isdigit() and len(text) < len(str(MAX_PAGE)) else 1
    number = min(max(number, 1), pages)
    shown = matching[(number - 1) * per_page : number * per_page]
    return RowChoice(shown, len(matching), number, pages, kept, per_page)


def matches(row: Row, kept: Mapping[str, str], facets: Iterable[str], searched: Iterable[str]) -> bool:
    """True where the facets are equal and every word of `q` stands in one of the searched columns."""
    text = " ".join(str(row[name] or "") for name in searched).lower()
    return all(str(row[name] or "") == kept[name] for name in facets if name in kept) and all(
        word in text for word in kept.get("q", "").lower().split()
    )
