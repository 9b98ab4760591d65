"""Logging: one line an event, to stderr and where set to a rotated file; nothing secret.

Set up before nut2 is imported: that calls logging.basicConfig, and logs passwords at DEBUG on the root logger.
"""

import fcntl
import logging
import logging.handlers
import os
import sys

FORMAT = "%(asctime)s %(levelname)s %(program)s: %(message)s"
QUIET = ("asyncio", "httpx", "httpcore", "uvicorn.error")  # these say at INFO what nobody needs to know
CONTROL = {n: f"\\x{n:02x}" for n in (*range(32), 127, *range(128, 160))} | {9: " ", 10: " | ", 13: ""}


class OneLine(logging.Formatter):
    """An event on one line, whatever a node put into its text; a traceback follows it, indented."""

    default_msec_format = "%s.%03d"

    def formatMessage(self, record):
        record.message = record.message.translate(CONTROL)
        return super().formatMessage(record)

    def formatException(self, info):
        return "\n".join("    " + line for line in super().formatException(info).splitlines())


class SharedFile(logging.handlers.RotatingFileHandler):
    """A rotated file that several programs write: whoever finds that another has rotated it opens it again."""

    def __init__(self, path, **options):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock_file = open(f"{path}.lock", "w")
        super().__init__(path, encoding="utf-8", **options)

    def emit(self, record):
        fcntl.flock(self._lock_file, fcntl.LOCK_EX)
        try:
            if self.stream and self._moved():
                self.stream.close()
                self.stream = self._open()
            super().emit(record)
        finally:
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def _moved(self):
        ours = os.fstat(self.stream.fileno())
        return not os.path.exists(self.baseFilename) or not os.path.samestat(ours, os.stat(self.baseFilename))

    def close(self):
        super().close()
        self._lock_file.close()


def set_up(log, program):
    """Log as the config's `log:` says; `program` is the word that each line names: up, ingest, web, demo.

    Raises OSError when the file cannot be written.
    """
    handlers = [logging.StreamHandler(sys.stderr)]
    if log.file:
        handlers.append(SharedFile(log.file, maxBytes=int(log.rotate_mb * 1_000_000), backupCount=log.keep))

    def mark(record):
        record.program = program
        return record.name != "root" or record.levelno > logging.DEBUG

    for handler in handlers:
        handler.setFormatter(OneLine(FORMAT))
        handler.addFilter(mark)
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(log.level)
    for handler in handlers:
        root.addHandler(handler)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("uvicorn.access").addFilter(_as_debug)
    logging.captureWarnings(True)


def _as_debug(record):
    record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return logging.getLogger().level <= logging.DEBUG
