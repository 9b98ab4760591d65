"""/-/ups/commands and /-/ups/settings: what a UPS is told to do, as rows of `ups_orders` that ingest sends. GET asks first."""

import json
import sqlite3
from functools import partial

from datasette import Response

from ingest.config.loader import nearest
from ingest.ups.commands import command_label, command_risk
from ingest.ups.setting_values import MAX_LENGTH, Setting, invalid_value_reason, parse_number
from ingest.ups.variables import full_label, variable
from plugins.web.actions.action import Done, find_ups, perform, raise_topic
from plugins.web.auth.permissions import has_right, refusal
from plugins.web.forms import RefusedError
from plugins.web.query import DATABASE, select
from plugins.web.responses import page, refuse, wants_page

YES = ("1", "true", "on", "yes")
LAST = 10  # orders on the page of a UPS
# Without ingest nobody writes that an order is over; its time says so.
ORDERS = f"""select id, command, variable, value, old, reason, created_at, created_by, sent_at, done_at,
  case when state = 'queued' and expires_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now') then 'expired' else state end as state
from ups_orders where ups = ? order by id desc limit {LAST}"""


async def commands(datasette, request):
    """GET: are you sure, as a page or JSON. POST of `ups`, `command`: 201 with the order."""
    return await _answer(datasette, request, read_command)


async def settings(datasette, request):
    """GET: are you sure, as a page or JSON. POST of `ups`, `variable`, `value`: 201 with the order."""
    return await _answer(datasette, request, read_setting)


async def _answer(datasette, request, read):
    if request.method == "POST":
        deed = partial(place, datasette.config.ups, read)
        return await perform(datasette, request, "ups_order", "order", deed, status=201, after="/ups")
    try:
        if not has_right(datasette, request.actor, "read"):
            raise refusal(datasette, request.actor, "read")
        fields = {
            name: request.args.get(name)
            for name in ("ups", "command", "variable", "value")
            if name in request.args
        }
        wanted = await datasette.get_database(DATABASE).execute_fn(
            partial(_ask, datasette.config.ups, read, fields)
        )
        if isinstance(wanted, RefusedError):
            raise wanted
    except RefusedError as refused:
        return await refuse(datasette, request, refused)
    if not wants_page(request):
        return Response.json({"ok": True, **wanted})
    return await page(datasette, request, "pages/-/ups/order.html", wanted)


def _ask(listed, read, fields, connection):
    """What would be ordered, or a RefusedError as a value: the reading thread prints what is raised."""
    before, connection.row_factory = connection.row_factory, sqlite3.Row
    try:
        return read(connection, fields, listed)
    except RefusedError as refused:
        return refused
    finally:
        connection.row_factory = before


def place(listed, read, connection, fields, actor):
    """Insert the order. Raises RefusedError."""
    wanted = read(connection, fields, listed)
    subject, order = wanted["name"], {name: wanted.get(name) for name in ("command", "variable", "value")}
    if wanted["danger"] and fields.get("confirm", "").strip() not in YES:
        words = f"{wanted['command']}: {wanted['danger']}. Send confirm=1 (tick the box) if that is meant"
        raise RefusedError(409, words, subject=subject)
    under_way = connection.execute(
        """select id from ups_orders where ups = ? and command is ? and variable is ? and state in ('queued', 'sent')
        and (state = 'sent' or expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))""",
        (wanted["ups"], order["command"], order["variable"]),
    ).fetchone()
    if under_way:
        raise RefusedError(
            409,
            f"Order {under_way[0]} for the same is under way: see what becomes of it first",
            subject=subject,
        )
    number = connection.execute(
        "insert into ups_orders (ups, command, variable, value, created_by) values (?, ?, ?, ?, ?)",
        (wanted["ups"], *order.values(), actor),
    ).lastrowid
    raise_topic(connection, "ups_orders")
    return Done(f"{wanted['words']} queued for {wanted['label']}", subject, {"order": number})


def _text(fields, name, help):
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise RefusedError(400, f"{name} is a text, not a file")
    if not value.strip():
        raise RefusedError(400, f"{name} is needed: {help}")
    return value.strip()


def _find(connection, fields, name, kind, listed):
    """The UPS, where the config lists `name` for it. Raises RefusedError."""
    found = find_ups(
        connection, _text(fields, "ups", "a name such as rack@closet, or an id of the table ups")
    )
    ups = dict(
        connection.execute(
            "select id, name, label, configured from ups where id = ?", (found["id"],)
        ).fetchone()
    )
    if not ups["configured"]:
        raise RefusedError(409, f"{ups['name']} is not read any more", subject=ups["name"])
    own = listed.get(ups["name"])
    names = getattr(own, kind) if own else ()
    if name not in names:
        guess = f" {nearest(name, names)}" if names else ""
        words = f"{name} is not listed: `ups: {ups['name']}: {kind}:` in config.yml names what may be ordered.{guess}"
        raise RefusedError(403, words, subject=ups["name"])
    return ups


def read_command(connection, fields, listed):
    """What the order is: `ups` (id), name, label, command, words, danger. Raises RefusedError."""
    command = _text(
        fields, "command", "an instant command that config.yml lists, such as test.battery.start.quick"
    )
    ups = _find(connection, fields, command, "commands", listed)
    told = dict(
        connection.execute(
            "select name, description from ups_controls where ups = ? and kind = 'command'", (ups["id"],)
        )
    )
    if told and command not in told:
        words = f"{ups['label']} has no command {command}: {nearest(command, list(told))}"
        raise RefusedError(409, words, subject=ups["name"])
    words = command_label(command, told.get(command, ""))
    whom = {"ups": ups["id"], "name": ups["name"], "label": ups["label"]}
    return {**whom, "command": command, "words": words, "danger": command_risk(command)}


def read_setting(connection, fields, listed):
    """What the order is: `ups` (id), name, label, variable, value, old, unit, words, danger (none). Raises RefusedError."""
    name = _text(
        fields, "variable", "a variable that config.yml lists under settings, such as battery.charge.low"
    )
    ups = _find(connection, fields, name, "settings", listed)
    if "value" not in fields or not isinstance(fields["value"], str):
        raise RefusedError(400, f"value is needed: what {name} is to be", subject=ups["name"])
    value = fields["value"].strip()
    now = connection.execute(
        "select value, writable from ups_variables where ups = ? and variable = ?", (ups["id"], name)
    ).fetchone()
    knows = connection.execute(
        "select 1 from ups_variables where ups = ? and writable limit 1", (ups["id"],)
    ).fetchone()
    if knows and not (now and now["writable"]):
        words = "cannot be set" if now else "is not there"
        raise RefusedError(409, f"{name} {words}: {ups['label']} has no such setting", subject=ups["name"])
    control = connection.execute(
        "select type, choices, ranges from ups_controls where ups = ? and kind = 'setting' and name = ?",
        (ups["id"], name),
    ).fetchone()
    old = now["value"] if now else ""
    wrong = invalid_value_reason(_setting(control), value, old)
    if wrong:
        raise RefusedError(400, f"value of {name}: {wrong}", subject=ups["name"])
    return {
        "ups": ups["id"],
        "name": ups["name"],
        "label": ups["label"],
        "variable": name,
        "value": value,
        "old": old,
        "unit": variable(name).unit,
        "words": f"{full_label(name)}: {value}",
        "danger": "",
    }


def _setting(row):
    if row is None:
        return Setting()
    return Setting(
        row["type"],
        tuple(json.loads(row["choices"])),
        tuple(tuple(pair) for pair in json.loads(row["ranges"])),
    )


async def offered(datasette, ups, variables):
    """What the page of a UPS offers, and its last orders; None for a UPS that is not read any more. `variables` are its rows."""
    if not ups["configured"]:
        return None
    own = datasette.config.ups.get(ups["name"])
    rows = (
        await select(datasette, "select * from ups_controls where ups = ? order by name", [ups["id"]]) or []
    )
    told = {row["name"]: row for row in rows if row["kind"] == "command"}
    listed = own.commands if own else ()
    values = {row["variable"]: row for row in variables}
    orders = await select(datasette, ORDERS, [ups["id"]])
    return {
        "commands": [
            {
                "name": name,
                "words": command_label(name, told.get(name, {}).get("description", "")),
                "danger": command_risk(name),
                "missing": bool(told) and name not in told,
            }
            for name in listed
        ],
        "settings": [_field(name, values.get(name), rows) for name in (own.settings if own else ())],
        "others": [name for name in told if name not in listed],
        "orders": orders and [order | {"words": words_of(order)} for order in orders],
        "busy": any(order["state"] in ("queued", "sent") for order in orders or []),
    }


def words_of(order):
    """An order in words."""
    return (
        command_label(order["command"])
        if order["command"]
        else f"{full_label(order['variable'])}: {order['value']}"
    )


def _field(name, now, rows):
    """A setting as an input: what it is, and which values a browser should let pass. The server checks them again."""
    entry = variable(name)
    setting = _setting(next((row for row in rows if row["kind"] == "setting" and row["name"] == name), None))
    value = now["value"] if now else ""
    ranges = [pair for pair in setting.ranges if None not in map(parse_number, pair)]
    number = bool(ranges) or (parse_number(value) is not None and "STRING" not in setting.type)
    return {
        "name": name,
        "words": full_label(name),
        "unit": entry.unit,
        "value": value,
        "missing": now is None or not now["writable"],
        "choices": setting.choices,
        "number": number and not setting.choices,
        "longest": min(setting.max_length, MAX_LENGTH),
        "low": min((low for low, _ in ranges), key=float, default=None),
        "high": max((high for _, high in ranges), key=float, default=None),
    }
