"""Whole numbers in what people and programs send."""

from ingest.orders.outcome import RefusedError


def parse_number(text: str, name: str, highest: int) -> int:
    """A whole number from 0 to `highest`. Raises RefusedError, which calls it `name`."""
    number = whole_number(text.strip())
    if number is None or number > highest:
        raise RefusedError(400, f"{name} is needed: a whole number from 0 to {highest}")
    return number


def whole_number(text: str, digits: int = 9) -> int | None:
    """The number that a text of at most so many digits is; None for another text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
