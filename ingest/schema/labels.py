"""Labels, which users give: the columns that follow settings, and the names that follow labels.

The name of a node is its label, else its sketch and number; `location` is a place and no name. Two things may
have the same name: views give the node's `ref`, GATEWAY/NODE_ID, or the name of the UPS beside it.
"""

from collections.abc import Iterator

from sqlite_utils import Database

from ingest.schema.mysensors import NameRule, gateway_trigger, name_triggers
from ingest.schema.sql_fragments import run_script

NAMES: dict[str, NameRule] = {
    "nodes": NameRule(
        "label, sketch_name",
        """case
          when label <> '' then label
          when node_id = 0 then 'Gateway ' || (select name from gateways where id = gateway)
          else coalesce(nullif(trim(sketch_name), ''), 'Node') || ' ' || node_id
        end""",
        "sensors where node",
    ),
    "sensors": NameRule(
        "name, label, description, type_name",
        """(select name from nodes where id = node) || ' · ' || coalesce(nullif(label, ''),
          nullif(trim(description), ''), coalesce(type_name, 'child') || ' ' || child_id)""",
        "channels where sensor",
    ),
    "channels": NameRule("name", "(select name from sensors where id = sensor) || ' · ' || type_name", None),
}

LABELS = {  # the column `label` by table: the setting, else what else there is
    table: f"""coalesce((select value from settings where subject = '{table}/' || {table}.id
      and key = 'label'), {otherwise})"""
    for table, otherwise in {
        "nodes": "''",
        "sensors": "''",
        "ups": "nullif(config_label, ''), nullif(reported_label, ''), name",
    }.items()
}

COLUMNS = """
alter table nodes add column label text not null default '';
alter table sensors add column label text not null default '';
alter table ups add column config_label text not null default '';
alter table ups add column reported_label text not null default '';
update ups set reported_label = label where label <> name;
"""


def labels(db: Database) -> None:
    """Add labels, make the triggers again that keep names, and set every name."""
    run_script(db, COLUMNS)
    for table in NAMES:
        for what in ("named", "renamed"):
            db.execute(f"drop trigger if exists {table}_{what}")
    db.execute("drop trigger gateways_renamed")
    for trigger in (*name_triggers(NAMES), gateway_trigger(NAMES)):
        db.execute(trigger)
    for trigger in _label_triggers():
        db.execute(trigger)
    for table, rule in NAMES.items():
        db.execute(f"update {table} set name = {rule.sql}")


def _label_triggers() -> Iterator[str]:
    """Yield the SQL of the triggers that keep the columns `label`."""
    for event, rows in (("insert", ("new",)), ("update", ("old", "new")), ("delete", ("old",))):
        changes = " ".join(
            f"update {table} set label = {label} where {row}.subject like '{table}/%' "
            f"and id = cast(substr({row}.subject, {len(table) + 2}) as integer);"
            for row in rows
            for table, label in LABELS.items()
        )
        about = f"'label' in ({', '.join(f'{row}.key' for row in rows)})"
        yield (
            f"create trigger settings_{event}_label after {event} on settings when {about} "
            f"begin {changes} end"
        )
    # A UPS is inserted with what it calls itself as its label.
    yield """create trigger ups_reported after insert on ups when new.label <> new.name begin
      update ups set reported_label = new.label where id = new.id; end"""
    yield f"""create trigger ups_relabelled after update of name, config_label, reported_label on ups begin
      update ups set label = {LABELS["ups"]} where id = new.id; end"""
