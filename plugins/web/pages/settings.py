"""The settings of a node, its sensors or a UPS, as their page shows them with a form each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ingest.limit_kinds import LIMIT_KINDS, OFF
from ingest.mysensors.sleep import SLEEPER_WINDOWS
from ingest.settings import SETTINGS, subject_of
from ingest.ups.limits import DEFAULT_LIMITS, Limits
from ingest.ups.settings import UpsSettings
from plugins.web.query import Row

# For `select_many`, with the parameter `node` or `ups`.
NODE_SETTINGS = "select * from settings where subject = 'nodes/' || :node"
SENSOR_SETTINGS = """select s.id, s.child_id, s.description, s.type_name, x.* from sensors s
  left join settings x on x.subject = 'sensors/' || s.id and x.key = 'label'
  where s.node = :node order by s.child_id"""
UPS_SETTINGS = """select x.*, u.config_label, u.reported_label from ups u
  left join settings x on x.subject = 'ups/' || u.id where u.id = :ups"""
DEVICE_LIMITS = ("input_transfer", "ambient")  # what begins so is the device's own, where nothing is set


UPS_LABELS = "select name, coalesce(nullif(label, ''), name) as label from ups order by id"
BATTERY_FORMS = ("battery_type", "battery_cells")
FORMS_ELSEWHERE = (
    "silent_after_s",
    "battery",
    *BATTERY_FORMS,
)  # on the page of a node, beside what they are about


def labels_of(rows: Sequence[Row] | None) -> dict[str, str]:
    """Name -> label of rows of UPS_LABELS."""
    return {row["name"]: row["label"] for row in rows or []}


class ShownSetting(NamedTuple):
    """A setting as a form: `value` is None where none is set; `source` then says where what counts is from.

    `otherwise` is the value that counts without one, where it is known.
    """

    subject: str
    key: str
    title: str
    help: str
    unit: str
    choices: tuple[str, ...]
    value: str | None
    set_at: str | None
    set_by: str | None
    otherwise: str = ""
    source: str = ""


def show_settings(
    table: str, row: int, rows: Iterable[Row], labelled: tuple[str, str] = ("", "")
) -> list[ShownSetting]:
    """Every setting that a row of `table` can have; `rows` are those that are set.

    `labelled` is the label without a setting, and where that is from.
    """
    found = {one["key"]: one for one in rows if one["key"] is not None}
    return [
        _show(subject_of(table, row), key, found.get(key, {}), labelled if key == "label" else ("", ""))
        for key, kind in SETTINGS.items()
        if table in kind.tables
    ]


def _show(subject: str, key: str, row: Mapping[str, str | None], without: tuple[str, str]) -> ShownSetting:
    kind = SETTINGS[key]
    stored = (row.get("value"), row.get("set_at"), row.get("set_by"))
    return ShownSetting(subject, key, kind.title, kind.help, kind.unit, kind.choices, *stored, *without)


def show_node_settings(node: Row, rows: Iterable[Row]) -> list[ShownSetting]:
    """Those of a row of node_overview."""
    if node["role"] == "gateway":
        label = (f"Gateway {node['gateway']}", "the name of the gateway")
    else:
        label = (f"{node['sketch_name'] or 'Node'} {node['node_id']}", "its sketch and number are its name")
    shown = show_settings("nodes", node["id"], rows, label)
    return [
        one._replace(source=describe_sleep(node)) if one.key == "sleep" else one
        for one in shown
        if one.key not in FORMS_ELSEWHERE and (node["role"] != "gateway" or SETTINGS[one.key].of_gateways)
    ]


def show_battery_settings(node: int, rows: Iterable[Row]) -> list[ShownSetting]:
    """What a user says of the battery of a node, by its key."""
    return [one for one in show_settings("nodes", node, rows) if one.key in BATTERY_FORMS]


def describe_sleep(node: Row) -> str:
    """What the messages of a node say of its sleep: of a row of node_overview."""
    if node["smart_sleep_ms"] is not None:
        return f"by its messages it sleeps, and listens for {node['smart_sleep_ms']} ms when it wakes"
    if node["windows"]:
        return f"by its messages it may sleep: it announced {node['windows']} of {SLEEPER_WINDOWS} windows"
    return "by its messages it is awake"


def show_sensor_labels(rows: Iterable[Row]) -> list[ShownSetting]:
    """The label of each sensor of a node: a row of SENSOR_SETTINGS for each."""
    found = []
    for row in rows:
        described = row["description"] or f"{row['type_name'] or 'child'} {row['child_id']}"
        one = _show(subject_of("sensors", row["id"]), "label", row, (described, ""))
        found.append(one._replace(title=f"{row['child_id']} · {described}", help=""))  # many alike
    return found


def show_ups_settings(ups: Row, rows: list[Row], config: UpsSettings) -> list[ShownSetting]:
    """Those of a row of ups_overview, and what counts without one: of the config, or of the device."""
    label = (ups["name"], "its name is shown")
    if rows and rows[0]["config_label"]:
        label = (rows[0]["config_label"], "the label in config.yml is shown")
    elif rows and rows[0]["reported_label"]:
        label = (rows[0]["reported_label"], "what its server calls it is shown")
    shown = show_settings("ups", ups["id"], rows, label)
    return [_with_limit(one, config.limits) if one.key in LIMIT_KINDS else one for one in shown]


def _with_limit(one: ShownSetting, limits: Limits) -> ShownSetting:
    """The form of a limit, with the one that counts without it."""
    limit: float | None = getattr(limits, one.key)
    if limit is None and one.key.startswith(DEVICE_LIMITS):
        return one._replace(otherwise="the device's", source="the device's own, where it has one")
    is_default = limit == getattr(DEFAULT_LIMITS, one.key)
    text = OFF if limit is None else f"{limit:g}"
    return one._replace(
        otherwise=text, source=f"{text} {one.unit}, {'the default' if is_default else 'as in config.yml'}"
    )
