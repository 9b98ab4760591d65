"""A line for a node made of the fields of a form: child, command, type by symbol, payload, echo."""

from ingest.mysensors.protocol import NODE_CHILD, TYPES, Command, Internal
from ingest.orders.numbers import parse_number, whole_number
from ingest.orders.outcome import RefusedError
from plugins.web.forms import Fields

BYTE = 255  # the highest child and type
# What a stream line is for is refused where the line is checked; it can be written in a form all the same.
COMMANDS = {command.name: command for command in Command}
SYMBOLS = {
    symbol: (command, int(type))
    for command in (Command.set, Command.presentation, Command.internal, Command.stream)
    for symbol, type in TYPES[command][1].__members__.items()
}
DISCOVER = f"255;{NODE_CHILD};{int(Command.internal)};0;{int(Internal.I_DISCOVER_REQUEST)};"
FIELDS = {
    "child": "child id; 255 is the node itself, and the default of internal messages",
    "command": f"{', '.join(COMMANDS)}, or its number; by the type unless given",
    "type": "symbol such as V_STATUS or I_VERSION, or its number",
    "payload": "at most 25 bytes, without ;",
    "echo": "1: ask the node for an echo",
}


def line_of_fields(fields: Fields, node_id: int, subject: str) -> str:
    """The line that the fields FIELDS make for a node. Raises RefusedError."""
    command, type = _command_and_type(
        fields.text("command"), fields.required("type", FIELDS["type"]), subject
    )
    child = fields.text("child")
    if not child and command != Command.internal:
        raise RefusedError(400, f"child is needed: {FIELDS['child']}", subject=subject)
    number = parse_number(child, "child", BYTE) if child else NODE_CHILD
    payload = fields.raw("payload").strip("\r\n")
    return f"{node_id};{number};{int(command)};{int(fields.is_yes('echo'))};{type};{payload}"


def _command_and_type(command_text: str, type_text: str, subject: str) -> tuple[Command, int]:
    command = COMMANDS.get(command_text)
    number = whole_number(command_text, digits=1)
    if command is None and number is not None and number in list(Command):
        command = Command(number)
    if command_text and command is None:
        raise RefusedError(400, f"command is {command_text!r}: {FIELDS['command']}", subject=subject)
    of_type = SYMBOLS.get(type_text.upper())
    if of_type is not None:
        belongs, known = of_type
        if command in (None, belongs) or (command, belongs) == (Command.req, Command.set):
            return belongs if command is None else command, known
        raise RefusedError(
            400,
            f"type {type_text} is one of the command {belongs.name}, not of {command_text}",
            subject=subject,
        )
    type = whole_number(type_text, digits=3)
    if type is None or type > BYTE:
        raise RefusedError(400, f"type is {type_text!r}: {FIELDS['type']}", subject=subject)
    if command is None:
        raise RefusedError(
            400, f"command is needed with a number as type: {FIELDS['command']}", subject=subject
        )
    return command, type
