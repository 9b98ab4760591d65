"""The site as messages name it: its address for links, its time zone, its title."""

import socket
from ipaddress import ip_address

from ingest.config.model import Config
from outbound.alerts.messages import AlertSite

EVERYWHERE = ("", "0.0.0.0", "::")


def alert_site(config: Config) -> AlertSite:
    """The site of a config, whose links begin with `alerts: link:`, else with an address made of `web:`."""
    link = config.alerts.link if config.alerts else ""
    return AlertSite(link.rstrip("/") or web_address(config), config.timezone, config.title)


def web_address(config: Config) -> str:
    """The address that `web:` gives, without a slash at its end; '' where the port is any free one.

    A site behind a proxy has the first of its `hosts` and HTTPS; another one its own port, by the name of
    this machine where it listens everywhere.
    """
    web = config.web
    name = next((host for host in web.hosts if "*" not in host), "")
    path = web.base_url.rstrip("/")
    if name and web.proxies:
        return f"https://{name}{path}"
    if not web.port:
        return ""
    host = name or (socket.gethostname() if web.host in EVERYWHERE else web.host)
    return f"http://{_in_url(host)}:{web.port}{path}"


def _in_url(host: str) -> str:
    try:
        return f"[{host}]" if ip_address(host).version == 6 else host
    except ValueError:
        return host
