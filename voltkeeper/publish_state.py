"""How publishing by MQTT does, for `voltkeeper status`."""

from ingest.config.model import Config
from outbound.mqtt.health import read_health
from outbound.sending_lock import is_sending

NOT_RUNNING = "nothing publishes: `voltkeeper outbound` does not run; `voltkeeper up` starts it, or its unit"


def publish_lines(config: Config) -> list[str]:
    """The line of `status`; none where nothing is to be published."""
    if config.publish is None:
        return []
    if not is_sending(config.database):
        return [f"publish  {NOT_RUNNING}"]
    health = read_health(config.database)
    text = "not begun yet" if health is None else f"{health.address}: {health.describe()}"
    return [f"publish  {text}"]
