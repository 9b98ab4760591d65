"""MySensors over MQTT: topics and payloads to messages, and lines to topics and payloads. Pure.

A topic is `PREFIX/node/child/command/echo/type`, the payload that of the line (`protocolMyMessage2MQTT`).
"""

from ingest.mysensors.payload_text import decode_payload
from ingest.mysensors.protocol import MAX_LINE, LineError, Message, parse_header

KEPT = 1024  # characters of a topic and a payload that are kept where they are no message


def parse_published(prefix: str, topic: str, payload: bytes) -> Message:
    """What was published as a message. Raises LineError."""
    begin, fields = prefix + "/", topic[len(prefix) + 1 :].split("/")
    if not topic.startswith(begin):
        raise LineError(
            f"the topic is not below {prefix}: the session at the broker has an older subscription"
        )
    if len(fields) != 5:
        raise LineError(f"{len(fields)} levels below {prefix}, 5 are needed: node/child/command/echo/type")
    header = parse_header(fields)
    if len(payload) > MAX_LINE:
        raise LineError(f"a payload of {len(payload)} bytes, a gateway sends {MAX_LINE} at most")
    return header, decode_payload(payload)


def raw_text(topic: str, payload: bytes) -> str:
    """Topic and payload as `rejects` keeps them."""
    return f"{topic[:KEPT]} {payload[:KEPT].decode(errors='backslashreplace')}"


def format_topic(prefix: str, line: bytes) -> tuple[str, bytes]:
    """A line for a gateway as the topic and payload that it takes."""
    *fields, payload = line.split(b";", 5)
    return "/".join([prefix, *(field.decode() for field in fields)]), payload
