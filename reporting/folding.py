"""Texts for comparing: without case and without accents, so that Küche is found by kuche."""

import re
import unicodedata

MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")  # on letters


def fold(text: str) -> str:
    """The text in small letters without accents; ß is ss, full-width letters are plain ones."""
    if text.isascii():
        return text.lower()
    return MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))
