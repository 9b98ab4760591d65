"""The spool of deliveries: a file beside the database for what cannot be stored in it now.

It is allocated in advance, so that a full disk does not matter. Each frame holds deliveries as they are then,
the last one of an id counts.
"""

import json
import logging
import os
import uuid
from collections.abc import Iterable
from pathlib import Path

from ingest.pipeline.spool import Spool, beside
from outbound.alerts.delivery import Delivery, as_json, from_json

log = logging.getLogger(__name__)

TOGETHER = 100  # deliveries in a frame


class DeliverySpoolFile(Spool):
    """The file."""

    KIND = "outbound-spool"
    BYTES = 1_000_000


class DeliverySpool:
    """What is in the file. `number` names its present contents, '' while there are none."""

    def __init__(self, file: DeliverySpoolFile | None) -> None:
        self._file = file
        self.number = ""

    @classmethod
    def open(cls, database: Path) -> "DeliverySpool":
        """Take the spool of a database; the caller holds `outbound.sending_lock`.

        Where the file cannot be made, what cannot be stored is in memory alone, until this process ends.
        """
        path = beside(database, DeliverySpoolFile.KIND, 1)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            file = DeliverySpoolFile(database, 1, descriptor)
            file.allocate()
        except OSError as error:
            log.warning("There is no spool beside %s (%s): a full disk may lose messages", database, error)
            return cls(None)
        return cls(file)

    def load(self) -> dict[int, Delivery]:
        """The deliveries that the file holds, by id, as they were last."""
        found: dict[int, Delivery] = {}
        try:
            for frame in self._file.read() if self._file is not None else ():
                content = json.loads(frame)
                self.number = content["number"]
                for values in content["deliveries"]:
                    delivery = from_json(values)
                    found[delivery.id] = delivery
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.error("The spool of deliveries cannot be read to its end: %s", error)
        return found

    def keep(self, deliveries: Iterable[Delivery]) -> bool:
        """Write deliveries as they are now; on disk when this returns True."""
        if self._file is None:
            return False
        self.number = self.number or uuid.uuid4().hex
        values = [as_json(delivery) for delivery in deliveries]
        frames = [
            json.dumps({"number": self.number, "deliveries": values[start : start + TOGETHER]}).encode()
            for start in range(0, len(values), TOGETHER)
        ]
        try:
            if self._file.append(frames) == len(frames):
                return True
            log.error("The spool of deliveries is full: what cannot be stored is in memory alone")
        except OSError as error:
            log.error(
                "The spool of deliveries cannot be written (%s): what is not stored is in memory", error
            )
        return False

    def clear(self) -> None:
        """Forget everything: it is in the database."""
        self.number = ""
        if self._file is not None:
            try:
                self._file.clear()
            except OSError as error:
                log.warning("The spool of deliveries cannot be emptied: %s", error)

    def close(self) -> None:
        """Let another process have it."""
        if self._file is not None:
            self._file.close()
