"""How a site is announced to Home Assistant, by its config."""

import sqlite3

from ingest.config.model import Config
from ingest.config.publish import PublishSettings
from ingest.schema.migrate import own_version
from ingest.schema.site import READ_KEY
from outbound.alerts.site import alert_site
from outbound.mqtt.home_assistant.discovery import Discovery
from outbound.mqtt.topics import Topics


def read_discovery(connection: sqlite3.Connection, config: Config, publish: PublishSettings) -> Discovery:
    """The discovery of a site; `publish.home_assistant` is a prefix. Raises sqlite3.Error."""
    (key,) = connection.execute(READ_KEY).fetchone()
    return Discovery(
        prefix=publish.home_assistant or "",
        topics=Topics(publish.prefix),
        site=key,
        title=config.title,
        software=own_version(),
        every_s=publish.every_s,
        commands=publish.commands,
        updates=publish.updates,
        ups_commands={name: settings.commands for name, settings in config.ups.items()},
        link=alert_site(config).base_url,
    )
