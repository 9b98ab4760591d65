"""What Apprise logs, kept for the call that caused it: its texts hold addresses and tokens."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Libraries below Apprise's plug-ins; urllib3 logs the path of each request.
LIBRARIES = ("apprise", "urllib3", "requests", "paho", "slixmpp", "charset_normalizer", "oauthlib")
KEPT = 50  # lines of a call


class _CallHandler(logging.Handler):
    """Keeps the warnings of the thread that sends, and passes nothing on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.calls = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        lines: list[str] | None = getattr(self.calls, "lines", None)
        if lines is None or len(lines) >= KEPT:
            return
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # its arguments do not fit its text
            text = str(record.msg)
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text}: {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        lines.append(text)


_handler = _CallHandler()


def silence_libraries() -> None:
    """Keep what these libraries log from the program's log, at whatever level that is."""
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        logger.propagate = False
        if _handler not in logger.handlers:
            logger.addHandler(_handler)
        logger.setLevel(logging.WARNING)


@contextmanager
def note_warnings() -> Iterator[list[str]]:
    """Note the warnings that this thread causes inside."""
    lines: list[str] = []
    _handler.calls.lines = lines
    try:
        yield lines
    finally:
        _handler.calls.lines = None
