"""`voltkeeper check`: the broker that state is published to, and what is let in."""

from collections.abc import Iterator

from ingest.config.model import Config
from ingest.config.publish import PublishSettings
from ingest.db.durations import format_duration
from outbound.mqtt.health import read_health
from outbound.sending_lock import is_sending
from reporting.formatting import plural
from voltkeeper.check.brokers import probe_broker
from voltkeeper.check.sources import Finding
from voltkeeper.publish_state import NOT_RUNNING


def publish_findings(config: Config) -> Iterator[tuple[str, Finding]]:
    """(what, finding): how the connection does, or whether there could be one; what comes in."""
    if config.publish is None:
        return
    broker = config.broker(config.publish.mqtt)
    what = f"publish to {broker.name} ({broker.address})"
    health = read_health(config.database) if is_sending(config.database) else None
    if health is not None and health.address == broker.address:
        yield what, Finding(health.is_right, health.describe())
    else:
        yield what, _probe(config)
    yield "publish", Finding(True, _describe(config, config.publish))


def _probe(config: Config) -> Finding:
    assert config.publish is not None
    found = probe_broker(config.broker(config.publish.mqtt))
    return Finding(True, f"the broker {found.message}; {NOT_RUNNING}") if found.ok else found


def _describe(config: Config, settings: PublishSettings) -> str:
    every = f"state below {settings.prefix}/ on change and every {format_duration(settings.every_s)}"
    number = sum(len(ups.commands) for ups in config.ups.values())
    commands = f"{plural(number, 'listed command')} and values of nodes" if settings.commands else "no orders"
    return f"{every}; {commands} come in, {'and firmware' if settings.updates else 'no firmware'}"
