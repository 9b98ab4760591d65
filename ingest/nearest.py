"""The known word that a wrong one was probably meant to be."""

import difflib
from collections.abc import Iterable


def nearest(word: object, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, as a question; else all of them."""
    lower = {str(one).lower(): one for one in known}
    close = difflib.get_close_matches(str(word).lower(), lower, 1, 0.6)
    return f"did you mean {lower[close[0]]!r}?" if close else f"known here: {', '.join(lower.values())}"
