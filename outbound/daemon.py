"""The process `voltkeeper outbound`: alerts, reports, and what is published by MQTT.

It runs beside ingest and the site, and needs neither: what they store, or fail to store, is what it sends.
"""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass

from ingest.config.alerts import Alerts, AlertTarget
from ingest.config.mail import Mail
from ingest.config.model import Config
from ingest.db.locks import LockedError
from ingest.db.problems import find_problem
from ingest.schema.migrate import NewerDatabaseError, migrate
from outbound.alerts.model import AlertMessage
from outbound.alerts.site import alert_site
from outbound.alerts.spool import DeliverySpool
from outbound.database import OutboundDatabase
from outbound.heartbeat import HeartbeatSender
from outbound.host.ingest_state import IngestState
from outbound.host.watcher import HostWatcher
from outbound.parts import run_parts, stop_event
from outbound.reports.kept_mail import report_reader
from outbound.reports.scheduled import ReportScheduler
from outbound.reports.store import reports_folder
from outbound.senders import MessageSender, SendError
from outbound.senders.make import ReadReport, make_sender
from outbound.sending.book import DeliveryBook
from outbound.sending.service import AlertService
from outbound.sending_lock import lock_sending

log = logging.getLogger(__name__)

FINISH_S = 1.5  # when the process is to end, for what is being sent: else it is sent once more
HANDED_ON = (OSError, sqlite3.Error)


def run_outbound(config: Config) -> int:
    """Send alerts until SIGTERM or SIGINT. Returns an exit code; 2 where the settings are wrong."""
    if not config.sends:
        log.error(
            "There is nothing to send: config.yml has no alerts: with targets or heartbeat, no reports:, "
            "no publish:"
        )
        return 2
    os.environ["TZ"] = config.timezone
    time.tzset()
    try:
        migrate(config.database)
    except NewerDatabaseError as error:
        log.error("%s", error)
        return 2
    except HANDED_ON as error:
        # What is wrong with the database is what this process has to tell.
        log.error("Messages are sent from memory: %s", find_problem(config.database, error))
    try:
        lock_sending(config.database)
    except LockedError as error:
        log.error("%s", error)
        return 1
    except OSError as error:
        log.warning("No lock beside %s (%s): start this program only once", config.database, error)
    return asyncio.run(_run(config))


async def _run(config: Config) -> int:
    stop = stop_event()  # before targets are made, which takes a second
    outbound = Outbound(config)
    if config.sends_messages:
        log.info("Sending to %s", ", ".join(outbound.senders) or "no target")
    return await run_parts(
        stop, outbound.parts(), outbound.database, lambda: outbound.alerts.finish(FINISH_S)
    )


@dataclass
class Outbound:
    """The parts of the process and what they share."""

    config: Config

    def __post_init__(self) -> None:
        config, alerts = self.config, self.config.alerts or Alerts()
        self.site = alert_site(config)
        self.database = OutboundDatabase(config.database)
        self.book = DeliveryBook(self.database, DeliverySpool.open(config.database))
        read_report = report_reader(reports_folder(config.database))
        self.senders = make_senders(alerts.targets, config.mail, read_report)
        self.alerts = AlertService(alerts, self.site, self.database, self.book, self.senders)
        self.reports = ReportScheduler(config, self.database)
        ingest = IngestState(config)
        self.host = HostWatcher(
            config, self.database, self.alerts.take_memory_event, self.alerts.look_again, ingest
        )
        self.heartbeat = (
            None
            if alerts.heartbeat is None
            else HeartbeatSender(alerts.heartbeat, config.database, ingest.fault)
        )

    def parts(self) -> Mapping[str, Coroutine[object, None, None]]:
        """What runs side by side, by name, until it is cancelled."""
        parts = {"alerts": self.alerts.run(), "host": self.host.run(), "reports": self.reports.run()}
        if self.heartbeat is not None:
            parts["heartbeat"] = self.heartbeat.run()
        if self.config.publish is not None:
            # Imported where it is needed: paho-mqtt is an extra, and takes memory.
            from outbound.mqtt.publisher import MqttPublisher

            parts["mqtt"] = MqttPublisher(self.config, self.config.publish, self.database).run()
        return parts


class BrokenTarget:
    """In place of a sender that cannot be made: every message waits until the settings are right."""

    def __init__(self, address: str, reason: str) -> None:
        self.address, self._reason = address, reason

    async def send(self, message: AlertMessage, number: int | None = None) -> str:
        """Raise SendError with the reason."""
        raise SendError(self._reason)


def make_senders(
    targets: tuple[AlertTarget, ...], mail: Mail | None, read_report: ReadReport | None = None
) -> dict[str, MessageSender]:
    """The senders of all targets, by name; one that cannot be made fails by itself."""
    senders: dict[str, MessageSender] = {}
    for target in targets:
        try:
            senders[target.name] = make_sender(target, mail, read_report)
        except (SendError, ImportError) as error:
            log.error("Target %s cannot be used: %s", target.name, error)
            senders[target.name] = BrokenTarget("", str(error))
    return senders
