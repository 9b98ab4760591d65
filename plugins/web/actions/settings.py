"""POST /-/settings: settings of nodes, sensors and UPSes, as rows of `settings`."""

import sqlite3
from typing import NamedTuple

from ingest.db.changes import raise_topics
from ingest.mysensors.protocol import GATEWAY_NODE
from ingest.orders.outcome import Done, RefusedError
from ingest.orders.subjects import (
    NODE_HELP,
    SENSOR_HELP,
    UPS_HELP,
    NodeRef,
    SensorRef,
    find_node,
    find_sensor,
    find_ups,
)
from ingest.settings import (
    SETTINGS,
    TABLES,
    TOPIC,
    SettingError,
    parse_setting,
    parse_subject,
    save_setting,
    subject_of,
)
from plugins.web.actions.action import Action, Submission
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields

SUBJECT_HELP = f"TABLE/ID with a table of {', '.join(TABLES)}, such as nodes/12"
KEY_HELP = "; ".join(f"{key} ({', '.join(kind.tables)}): {kind.help}" for key, kind in SETTINGS.items())
HELP = "one of subject, node, sensor and ups"
TOPICS = {"nodes": "nodes", "sensors": "nodes", "ups": "ups"}  # of what follows a setting of this table


class SettingSubject(NamedTuple):
    """What is set: the table and key of a row, and what messages call it."""

    table: str
    id: int
    label: str


def find_subject(connection: sqlite3.Connection, fields: Fields) -> SettingSubject:
    """What the fields `subject`, `node`, `sensor` or `ups` name. Raises RefusedError."""
    given = fields.given("subject", "node", "sensor", "ups")
    if len(given) != 1:
        raise RefusedError(400, f"{HELP} is needed: {SUBJECT_HELP}")
    ((name, text),) = given.items()
    table, key = {"node": "nodes", "sensor": "sensors"}.get(name, name), text.strip()
    if name == "subject":
        try:
            table, row = parse_subject(key)
        except SettingError as error:
            raise RefusedError(400, str(error)) from None
        key = str(row)
    if table == "ups":
        ups = find_ups(connection, key, by_id=name == "subject")
        return SettingSubject(table, ups.id, ups.name)
    find = find_node if table == "nodes" else find_sensor
    found: NodeRef | SensorRef = find(connection, key)
    return SettingSubject(table, found.id, found.label)


def _set(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """One of the fields of `find_subject`, with `key` and `value`; an empty value takes it away."""
    subject = find_subject(connection, form.fields)
    key = form.fields.required("key", KEY_HELP, subject.label)
    if "value" not in form.fields:
        raise RefusedError(400, "value is needed; an empty one takes the setting away", subject=subject.label)
    reference = subject_of(subject.table, subject.id)
    try:
        value = parse_setting(subject.table, key, form.fields.text("value"))
        is_gateway = subject.table == "nodes" and subject.id % 256 == GATEWAY_NODE
        if value and is_gateway and not SETTINGS[key].of_gateways:
            raise SettingError(f"{subject.label} is the gateway itself: it has no {key}")
        save_setting(connection, reference, key, value, form.actor)
    except SettingError as error:
        raise RefusedError(400, str(error), subject=subject.label, field="value") from None
    raise_topics(connection, (TOPICS[subject.table],))
    unit = SETTINGS[key].unit if value.isdigit() else ""
    now = f"is now {value}{unit and f' {unit}'}" if value else "is not set any more"
    message = f"{key} of {subject.label} {now}"
    return Done(message, subject.label, {"subject": reference, "key": key, "value": value or None})


SETTING = Action("setting", "edit", _set, topics=(TOPIC,))

ROUTES = (
    documented_route(
        r"^/-/settings$",
        SETTING.post,
        Endpoint(
            "Set something of a node, a sensor or a UPS",
            "A row of settings, which goes before the config and before what the device says. Give "
            + HELP
            + ".",
            "POST",
            "edit",
            {
                "subject": SUBJECT_HELP,
                "node": NODE_HELP,
                "sensor": SENSOR_HELP,
                "ups": UPS_HELP,
                "key": KEY_HELP,
                "value": "the value; an empty one takes the setting away",
            },
            {"node": "{node}", "key": "label", "value": SETTINGS["label"].example},
        ),
    ),
)
