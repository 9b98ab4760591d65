"""The part of /metrics about what is published by MQTT."""

from ingest.config.model import Config
from outbound.mqtt.health import PublishHealth, read_health
from outbound.sending_lock import is_sending
from plugins.web.export.metric import Metric


def publish_metrics(config: Config) -> list[Metric]:
    """The metrics; none where nothing is published. Counters begin anew with the process."""
    if config.publish is None:
        return []
    health = read_health(config.database) if is_sending(config.database) else None
    up = Metric(
        "mqtt_up",
        "1 while state is published to the broker.",
        [({}, int(health is not None and health.is_right))],
    )
    return [up] if health is None else [up, *_counters(health)]


def _counters(health: PublishHealth) -> list[Metric]:
    return [
        Metric("mqtt_topics", "Topics that are retained now.", [({}, health.topics)]),
        *(
            Metric(f"mqtt_{name}_total", text, [({}, value)], "counter")
            for name, text, value in (
                ("published", "Messages that the broker has acknowledged.", health.published),
                ("orders", "Orders that came in and were placed.", health.orders),
                ("refused_orders", "Orders that came in and were refused.", health.refused),
                ("connects", "Connections to the broker.", health.connects),
            )
        ),
    ]
