"""How announcements change: what removes a device or an entity from Home Assistant. Pure.

An empty message removes a device. An entity is removed by a message in which it has only its platform; the
next one leaves it out. What was announced before a restart is read back from the broker.
"""

import json
from collections.abc import Iterator, Mapping

from outbound.mqtt.home_assistant.entities import Content

MAX_MESSAGE = 1_000_000  # bytes of a message that is read back; a device with 1,000 entities has a third


def announcements(
    before: Mapping[str, Content], now: Mapping[str, Content], again: bool = False
) -> Iterator[tuple[str, bytes]]:
    """What is published, in this order, so that Home Assistant has `now` after `before`, by topic.

    With `again` also what has not changed, as for a Home Assistant that has just started.
    """
    yield from ((topic, b"") for topic in before if topic not in now)
    for topic, message in now.items():
        known = before.get(topic)
        if known == message and not again:
            continue
        kept = _components(message)
        removed = {
            id: {"platform": component["platform"]}
            for id, component in _components(known or {}).items()
            if id not in kept and "platform" in component
        }
        if removed:
            yield topic, encode({**message, "components": {**kept, **removed}})
        yield topic, encode(message)


def read_back(payload: bytes) -> Content:
    """A message that the broker had kept; one that cannot be read is as if it announced nothing."""
    if len(payload) > MAX_MESSAGE:
        return {}
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def encode(message: Content) -> bytes:
    """A message as it is published."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _components(message: Content) -> Mapping[str, Content]:
    components = message.get("components")
    if not isinstance(components, dict):
        return {}
    return {id: component for id, component in components.items() if isinstance(component, dict)}
