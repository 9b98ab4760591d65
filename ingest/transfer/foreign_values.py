"""Values of other programs' files: any type may stand in any place, and any depth and size in JSON."""

import json
from collections.abc import Callable

from ingest.mysensors.payload_text import clean_text, decode_payload

INTEGER = 1 << 63  # SQLite holds whole numbers below this


def text_of(value: object) -> str | None:
    """The text of a text, a number or bytes; None for null and for what is no single value."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, bytes):
        return decode_payload(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value) if abs(value) < INTEGER else None
    return None


def is_whole(value: object, highest: int) -> bool:
    """True for a whole number from 0 to `highest`; `true` is none."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= highest


Pairs = list[tuple[str, object]]  # of a JSON object


def parse_json(text: str | bytes, pairs_hook: Callable[[Pairs], object] | None = None) -> object:
    """Python values of a JSON text. Raises ValueError for any other text, and for one nested too deeply."""
    try:
        found: object = json.loads(text, object_pairs_hook=pairs_hook)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return found
