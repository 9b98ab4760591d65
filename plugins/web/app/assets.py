"""Addresses of our own static files with a mark of their content, so that browsers never keep an old one."""

import functools
import hashlib
from pathlib import Path

STATIC = Path(__file__).resolve().parents[3] / "static"


@functools.cache
def asset(name: str) -> str:
    """`/static/NAME?MARK`."""
    mark = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:8]
    return f"/static/{name}?{mark}"
