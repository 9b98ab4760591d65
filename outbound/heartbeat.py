"""The heartbeat to a watchdog elsewhere: it raises the alarm when this machine, or ingest, is silent.

How the last one went stands in a small file beside the database, for `voltkeeper status` and pages.
"""

import asyncio
import contextlib
import http.client
import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ingest.config.alerts import OutsideHeartbeat
from ingest.db.durations import format_duration
from ingest.db.moment import Moment
from ingest.pipeline.spool import beside
from outbound.senders.address import hide_secrets, url_address
from outbound.senders.threads import start_thread

log = logging.getLogger(__name__)

WAIT_S = 15.0  # for an answer
SHORTEST_S = 5.0  # between two attempts while they fail
LATE = 2.0  # times `every_s`: what was sent last is too old


@dataclass(frozen=True)
class HeartbeatOutcome:
    """How the last attempt went: `fault` is '' where it was taken. `age_s` is seconds since then.

    `sent_s` is seconds since the last one that was taken, None for never. `address` has no secret.
    """

    address: str
    fault: str
    every_s: float
    age_s: float = 0.0
    sent_s: float | None = None

    @property
    def is_right(self) -> bool:
        """Whether one was taken not long ago."""
        return not self.fault and self.sent_s is not None and self.sent_s <= LATE * self.every_s + WAIT_S

    def describe(self) -> str:
        """Return the address and the result as text for people."""
        return f"{self.address}: {self.result()}"

    def result(self) -> str:
        """Return the result as text for people."""
        sent = "never taken" if self.sent_s is None else f"last taken {format_duration(self.sent_s)} ago"
        return f"{self.fault}; {sent}" if self.fault else sent


def send_heartbeat(url: str, wait_s: float = WAIT_S) -> str:
    """Ask the address once; returns why it was not taken, '' where it was. Without any secret of the URL."""
    request = urllib.request.Request(url, headers={"User-Agent": "voltkeeper"})
    try:
        with urllib.request.urlopen(request, timeout=wait_s) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        return f"the watchdog answers with status {error.code} {error.reason}: is the URL right?"
    except TimeoutError:
        return f"no answer within {wait_s:.0f} s"
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        return hide_secrets(f"no answer: {getattr(reason, 'strerror', None) or reason}", url)
    return ""


@dataclass
class HeartbeatSender:
    """Sends every `every_s` while `fault()` is '': it says why ingest does not do its work."""

    settings: OutsideHeartbeat
    database: Path
    fault: Callable[[], str]
    _sent: Moment | None = None  # the last one that was taken
    _last_fault: str | None = None  # of the last attempt, as logged

    async def run(self) -> None:
        """Work until cancelled."""
        every_s = self.settings.every_s
        while True:
            began = time.monotonic()
            fault = await start_thread(self._attempt, "heartbeat")
            self._note(fault)
            pause_s = every_s if not fault else min(every_s, max(SHORTEST_S, every_s / 10))
            await asyncio.sleep(max(0.0, pause_s - (time.monotonic() - began)))

    def _attempt(self) -> str:
        fault = self.fault()
        if fault:
            return f"not sent: {fault}"
        return send_heartbeat(self.settings.url)

    def _note(self, fault: str) -> None:
        address = url_address(self.settings.url)
        if not fault:
            self._sent = Moment.now()
        if fault and not self._last_fault:
            log.error("Heartbeat to %s: %s", address, fault)
        elif self._last_fault and not fault:
            log.warning("Heartbeat to %s: it is taken again", address)
        self._last_fault = fault
        content = {
            "address": address,
            "fault": fault,
            "every_s": self.settings.every_s,
            "at": Moment.now(),
            "sent": self._sent,
        }
        self._write(json.dumps(content))

    def _write(self, text: str) -> None:
        path = _path(self.database)
        new = path.with_name(f"{path.name}.new")
        with contextlib.suppress(OSError):  # a full disk: the log has it
            new.write_text(text, encoding="utf-8")
            os.replace(new, path)


def read_outcome(database: Path) -> HeartbeatOutcome | None:
    """How the last heartbeat went; None where none was tried."""
    try:
        content = json.loads(_path(database).read_text(encoding="utf-8"))
        now, sent = Moment.now(), content["sent"]
        return HeartbeatOutcome(
            str(content["address"]),
            str(content["fault"]),
            float(content["every_s"]),
            Moment(*content["at"]).seconds_to(now),
            None if sent is None else Moment(*sent).seconds_to(now),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _path(database: Path) -> Path:
    return beside(database, "outside-heartbeat", 1)
