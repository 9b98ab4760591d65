"""Logging: one line an event, to stderr and where set to a rotated file; nothing secret.

Lines are written by the thread of a `QueueListener`: a terminal that is stopped, a pipe that no program reads
or a slow disk keeps no thread from storing a message or answering a node.

Set up before nut2 is imported: that calls logging.basicConfig, and logs passwords at DEBUG on the root
logger.
"""

import copy
import logging
import logging.handlers
import os
import queue
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Protocol, cast
from zoneinfo import ZoneInfo

from ingest.db.locks import lock_file
from ingest.process.log_summary import LogSummary

FORMAT = "%(at)s %(levelname)s %(program)s: %(message)s"
MODE = 0o600  # of the file
QUEUE_SIZE = 10_000  # lines that wait to be written; more are left out, and counted
END_S = 2.0  # for the rest of them when the program ends
LOST_S = 1.0  # between two lines about records that were lost
QUIET = ("asyncio", "httpx", "httpcore", "uvicorn.error")  # of no interest at INFO
CONTROL = {n: f"\\x{n:02x}" for n in (*range(32), 127, *range(128, 160))} | {9: " ", 10: " | ", 13: ""}
# What turns the direction of the rest of a line (Bidi_Control of Unicode), ends it for some, or has no UTF-8.
TURNS = (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
CONTROL |= {n: f"\\u{n:04x}" for n in (*TURNS, 0x2028, 0x2029, *range(0xD800, 0xE000))}


class LogSettings(Protocol):
    """The section `log:` of the config."""

    @property
    def level(self) -> str:
        """DEBUG, INFO, WARNING or ERROR."""

    @property
    def file(self) -> Path | None:
        """The file that lines go to beside stderr."""

    @property
    def rotate_mb(self) -> float:
        """Size at which the file is rotated."""

    @property
    def keep(self) -> int:
        """How many rotated files stay."""


class OneLineFormatter(logging.Formatter):
    """An event on one line, whatever a node put into its text; a traceback follows it, indented.

    All programs of a site write times of its `timezone`, with their offset, whatever zone the machine or the
    environment of one of them has. Without it they are those of the machine.
    """

    def __init__(self, timezone: str | None) -> None:
        super().__init__(FORMAT)
        self._zone = ZoneInfo(timezone) if timezone else None

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; what stands behind its end is the traceback."""
        record = copy.copy(record)
        record.msg, record.args = record.getMessage().translate(CONTROL), None
        at = datetime.fromtimestamp(record.created, UTC).astimezone(self._zone)
        record.at = at.isoformat(" ", "milliseconds")
        line, *traceback = super().format(record).split("\n")
        return "\n".join([line, *("    " + text.translate(CONTROL) for text in traceback)])


class SharedFileHandler(logging.handlers.RotatingFileHandler):
    """A rotated file that several programs write: one that finds it rotated by another opens it again."""

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError, PermissionError):  # a new one; one of another user
            path.chmod(MODE)
        super().__init__(path, maxBytes=max_bytes, backupCount=keep, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        """Open the file, which is private: lines name users, addresses and devices."""
        return open(
            self.baseFilename, "a", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, MODE)
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line into the file that has the name now."""
        try:
            with lock_file(f"{self.baseFilename}.lock"):
                if self.stream and self._is_rotated(self.stream.fileno()):
                    self.stream.close()
                    self.stream = self._open()
                super().emit(record)
        except OSError:  # the folder is gone, the disk is full: the other handlers go on
            self.handleError(record)

    def _is_rotated(self, descriptor: int) -> bool:
        path = self.baseFilename
        return not os.path.exists(path) or not os.path.samestat(os.fstat(descriptor), os.stat(path))


class BoundedQueueHandler(logging.handlers.QueueHandler):
    """Puts records into the queue of a listener, and counts in `lost` those for which there is no room."""

    def __init__(self, handlers: list[logging.Handler], queue_size: int) -> None:
        self._records: queue.Queue[logging.LogRecord | None] = queue.Queue(queue_size)
        super().__init__(self._records)
        self.lost = 0
        self._writer = ReportingListener(self, self._records, *handlers)
        self._writer.start()

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return a copy with the text as it is now, whatever becomes of its arguments."""
        template, record = record.msg, copy.copy(record)
        record.msg, record.args = record.getMessage(), None
        record.template = template
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Never wait for room."""
        try:
            self._records.put_nowait(record)
        except queue.Full:
            self.lost += 1

    def flush(self) -> None:
        """Wait until everything is written, END_S at most."""
        with self._records.all_tasks_done:
            self._records.all_tasks_done.wait_for(lambda: not self._records.unfinished_tasks, END_S)

    def close(self) -> None:
        """Write what waits and close the handlers behind; not `stop()`, which waits without a limit."""
        self.flush()
        with suppress(queue.Full):
            self._writer.enqueue_sentinel()
        self._writer.end()
        for handler in self._writer.handlers:
            handler.close()
        super().close()


class ReportingListener(logging.handlers.QueueListener):
    """Writes records in its own thread, those that repeat as `LogSummary` has it.

    In between it reports how many were lost since the last such report, once in LOST_S at the most.
    """

    def __init__(
        self,
        source: BoundedQueueHandler,
        records: "queue.Queue[logging.LogRecord | None]",
        *handlers: logging.Handler,
    ) -> None:
        super().__init__(records, *handlers)
        self._source, self._records = source, records
        self._reported, self._next_report, self._program = 0, 0.0, ""
        self._summary = LogSummary(super().handle)

    def dequeue(self, block: bool) -> logging.LogRecord:
        """Wait for a record, and write meanwhile what is due of those that were held back."""
        while True:
            if self._records.empty():
                self._report_lost()
            try:
                record = self._records.get(block, self._summary.sum_up())
                return cast(logging.LogRecord, record)  # or the None of the end
            except queue.Empty:
                if not block:
                    raise

    def end(self) -> None:
        """Write what is held back."""
        self._summary.sum_up(at_once=True)
        self._report_lost()

    def handle(self, record: logging.LogRecord) -> None:
        """Write one record, or count it."""
        self._summary.handle(record)
        self._program = getattr(record, "program", "")
        if time.monotonic() >= self._next_report:
            self._report_lost()

    def _report_lost(self) -> None:
        """Each of these lines is written: summed up, only the number of the last one would be seen."""
        lost = self._source.lost - self._reported
        if lost:
            self._reported, self._next_report = self._reported + lost, time.monotonic() + LOST_S
            lines = "1 line was" if lost == 1 else f"{lost} lines were"
            values = {
                "name": __name__,
                "levelno": logging.WARNING,
                "levelname": "WARNING",
                "msg": f"{lines} left out here: writing them took too long",
                "program": self._program,
            }
            super().handle(logging.makeLogRecord(values))


def set_up(log: LogSettings, program: str, queue_size: int = QUEUE_SIZE, timezone: str | None = None) -> None:
    """Log as the settings are; `program` is what each line names: up, ingest, web, demo.

    Raises OSError when the file cannot be written.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if log.file:
        handlers.append(SharedFileHandler(log.file, int(log.rotate_mb * 1_000_000), log.keep))
    for handler in handlers:
        handler.setFormatter(OneLineFormatter(timezone))

    def name_program(record: logging.LogRecord) -> bool:
        record.program = program
        return record.name != "root" or record.levelno > logging.DEBUG

    queued = BoundedQueueHandler(handlers, queue_size)
    queued.addFilter(name_program)
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(log.level)
    root.addHandler(queued)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("uvicorn.access").addFilter(_as_debug)
    logging.captureWarnings(True)


def _as_debug(record: logging.LogRecord) -> bool:
    record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return logging.getLogger().level <= logging.DEBUG
