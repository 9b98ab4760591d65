"""Logging: one line an event, to stderr and where set to a rotated file; nothing secret.

Lines are written by a thread of their own: a terminal that is held, a pipe that nobody reads or a slow disk keeps nobody
from storing a message or answering a node.

Set up before nut2 is imported: that calls logging.basicConfig, and logs passwords at DEBUG on the root logger.
"""

import copy
import logging
import logging.handlers
import os
import queue
import sys
import threading

from ingest.db.locks import locked

FORMAT = "%(asctime)s %(levelname)s %(program)s: %(message)s"
WAITING = 10_000  # lines that wait to be written; more are left out, and counted
END_S = 2.0  # for the rest of them when the program ends
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
        with locked(self._lock_file):
            if self.stream and self._moved():
                self.stream.close()
                self.stream = self._open()
            super().emit(record)

    def _moved(self):
        ours = os.fstat(self.stream.fileno())
        return not os.path.exists(self.baseFilename) or not os.path.samestat(ours, os.stat(self.baseFilename))

    def close(self):
        super().close()
        self._lock_file.close()


class Unhurried(logging.Handler):
    """Hands lines to `handlers` in a thread of its own; never waits for them."""

    def __init__(self, handlers):
        super().__init__()
        self._handlers, self._waiting, self._left_out = handlers, queue.Queue(WAITING), 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record):
        record = copy.copy(record)
        record.msg, record.args = (
            record.getMessage(),
            None,
        )  # what it is now, whatever becomes of its arguments
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self._left_out += 1

    def flush(self):
        """Wait a little until what was logged so far is written."""
        written = threading.Event()
        try:
            self._waiting.put(written, timeout=END_S)
        except queue.Full:
            return  # nobody takes lines, and nobody can be told
        written.wait(END_S)

    def _write(self):
        told = 0
        while True:
            record = self._waiting.get()
            if isinstance(record, threading.Event):
                record.set()
                continue
            self._hand(record)
            if self._left_out > told:
                told, more = self._left_out, self._left_out - told
                self._hand(
                    self._words(
                        f"{more} lines were left out here: writing them took too long", record.program
                    )
                )

    def _hand(self, record):
        for handler in self._handlers:
            handler.handle(record)

    def _words(self, text, program):
        level = logging.WARNING
        about = {
            "name": __name__,
            "levelno": level,
            "levelname": logging.getLevelName(level),
            "msg": text,
            "program": program,
        }
        return logging.makeLogRecord(about)

    def close(self):
        self.flush()
        for handler in self._handlers:
            handler.close()
        super().close()


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
    unhurried = Unhurried(handlers)
    unhurried.addFilter(mark)
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(log.level)
    root.addHandler(unhurried)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("uvicorn.access").addFilter(_as_debug)
    logging.captureWarnings(True)


def _as_debug(record):
    record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return logging.getLogger().level <= logging.DEBUG
