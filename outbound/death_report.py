"""`voltkeeper outbound --report-death NAME`: a part of the program ends again and again.

`up` and systemd's OnFailure= call it. Where `voltkeeper outbound` runs, an event is stored and that sends it;
where it does not, or is itself the part, the messages go from here to each target.
"""

import asyncio
import json
import logging
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from ingest.config.alerts import Alerts
from ingest.config.model import Config
from ingest.db.connection import connect
from ingest.db.moment import Moment
from ingest.pipeline.spool import beside
from outbound.alerts.messages import begin_message
from outbound.alerts.model import AlertMessage
from outbound.alerts.planner import choose
from outbound.alerts.site import alert_site
from outbound.host.condition import HostCondition
from outbound.host.rows import PART_DIES, report_death
from outbound.senders import MessageSender, SendError
from outbound.senders.make import make_sender
from outbound.sending_lock import is_sending

log = logging.getLogger(__name__)

OWN_PART = "outbound"
BUSY_S = 5.0  # the database may be locked for so long
SEND_S = 45.0  # for all targets together
TRIES, PAUSE_S = 3, 2.0  # a longer pause before each
SILENT_S = 3600.0  # so long after a message from here no other one of the same part follows


def report_part(config: Config, name: str, why: str = "") -> int:
    """Report that a part ends again and again. Returns an exit code: 0 where it is stored or was sent."""
    alerts = config.alerts
    if alerts is None or not alerts.targets:
        log.info("%s ends again and again; alerts: in config.yml names nobody to tell", name)
        return 0
    part = name.removesuffix(".service").removeprefix("voltkeeper-")
    detail = f"it ended {why or 'and was not started again'}: its log says more"
    condition = HostCondition(PART_DIES, part, detail, part)
    if part != OWN_PART and is_sending(config.database) and _store(config.database, condition):
        return 0
    if _was_sent(config.database, part):
        return 0
    sent = asyncio.run(_send(config, alerts, condition))
    if sent:
        _note_sent(config.database, part)
    return 0 if sent else 1


def _store(database: Path, condition: HostCondition) -> bool:
    try:
        with closing(connect(database, busy_timeout_s=BUSY_S, create=False)) as connection:
            report_death(connection, condition, time.time())
    except sqlite3.Error as error:
        log.warning("%s cannot be stored (%s): it is sent at once", condition.event, error)
        return False
    return True


async def _send(config: Config, alerts: Alerts, condition: HostCondition) -> bool:
    """Send to every target that a rule names; True where one took it, or none is to have it."""
    now = time.time()
    event = condition.as_event(now)
    message = begin_message(event, now, alert_site(config))
    targets = [target for target in alerts.targets if choose(alerts, event, target.name) is not None]
    sending = []
    for target in targets:
        try:
            sender = make_sender(target, config.mail)
        except (SendError, ImportError) as error:
            log.error("Target %s cannot be used: %s", target.name, error)
            continue
        sending.append(asyncio.create_task(_try(target.name, sender, message)))
    if sending:
        await asyncio.wait(sending, timeout=SEND_S)
    return not targets or any(task.done() and task.result() for task in sending)


async def _try(name: str, sender: MessageSender, message: AlertMessage) -> bool:
    for number in range(TRIES):
        await asyncio.sleep(PAUSE_S * number)
        try:
            await sender.send(message)
        except SendError as error:
            log.error("Target %s: %s", name, error.reason)
            if error.is_final:
                return False
        else:
            log.info("Target %s was told", name)
            return True
    return False


def _was_sent(database: Path, part: str) -> bool:
    """Whether a message of this part went out from here not long ago."""
    try:
        noted = json.loads(_note_file(database).read_text(encoding="utf-8"))
        return Moment(*noted[part]).seconds_to(Moment.now()) < SILENT_S
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _note_sent(database: Path, part: str) -> None:
    noted = {}
    with suppress(OSError, ValueError):
        noted = json.loads(_note_file(database).read_text(encoding="utf-8"))
    with suppress(OSError):  # a full disk: the message comes once more
        _note_file(database).write_text(json.dumps({**noted, part: Moment.now()}), encoding="utf-8")


def _note_file(database: Path) -> Path:
    return beside(database, "deaths", 1)
