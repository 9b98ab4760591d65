"""`voltkeeper up`: ingest and site together, and the demo house where nothing else is set up."""

import asyncio
import errno
import http.client
import logging
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace

from ingest.config.model import Config
from ingest.errors import VoltkeeperError
from voltkeeper.config_source import child_arguments
from voltkeeper.supervisor import DEFAULT_TIMING, WRONG_USE, Supervisor

log = logging.getLogger(__name__)

ASK_S = 0.2  # between two requests while waiting for the site
OPTIONAL = ("outbound", "plan")  # the other parts go on without these, whatever becomes of them
HISTORY_S = 3600.0  # for the history of the demo house, on the smallest machine


class SitePortError(VoltkeeperError, ValueError):
    """Why the site cannot have its port, and the remedy.

    `code` is the exit code of a program because of it.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def run_up(config: Config) -> int:
    """Run everything of the config until a signal or exit code 2 of a part. Returns the exit code."""
    try:
        # Held while the ports of the demo house are found.
        with claim(config.web.host, config.web.port) as site:
            config = replace(config, web=replace(config.web, port=site.getsockname()[1]))
            supervisor = (
                _demo_house(config)
                if config.demo
                else Supervisor(_commands(config), optional=OPTIONAL, report=_death_report(config))
            )
    except SitePortError as error:
        print(error, file=sys.stderr)
        return error.code
    return asyncio.run(_run(supervisor, config))


def _commands(config: Config) -> dict[str, list[str]]:
    arguments = child_arguments(config)
    parts = ["ingest", "web", *(["outbound"] if config.sends else [])]
    parts += ["plan"] if config.plan else []
    return {part: _command(part, *arguments) for part in parts}


def _death_report(config: Config) -> Callable[[str, str], list[str]] | None:
    """The command that reports a part that ends again and again, where there is somebody to tell."""
    if config.alerts is None or not config.alerts.targets:
        return None
    arguments = child_arguments(config)
    return lambda name, why: _command("outbound", *arguments, "--report-death", name, "--why", why)


def _demo_house(config: Config) -> Supervisor:
    """The site at once, and ingest when the demo house has made its history and lives."""
    from ingest.demo.making import discard_unfinished
    from ingest.demo.site import demo_config

    with claim("127.0.0.1", 0) as gateway, claim("127.0.0.1", 0) as upsd:
        port, nut_port = gateway.getsockname()[1], upsd.getsockname()[1]
    config = demo_config(f"127.0.0.1:{port}", nut_port, config.web)
    discard_unfinished(config.database)
    ports = ("--port", str(port), "--nut-port", str(nut_port))
    house = _command("demo", *ports, "--ep20", config.must[0].serial, "--history")
    parts = _commands(config)
    return Supervisor(
        {"web": parts["web"], "demo": house, "ingest": parts["ingest"], "plan": parts["plan"]},
        optional=OPTIONAL,
        ready={"demo": lambda: _listens(port) and _listens(nut_port)},
        timing=replace(DEFAULT_TIMING, ready_s=HISTORY_S),
    )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "voltkeeper", name, *arguments]


async def _run(supervisor: Supervisor, config: Config) -> int:
    announcing = asyncio.create_task(_announce(config))
    try:
        return await supervisor.run()
    finally:
        announcing.cancel()


async def _announce(config: Config) -> None:
    """Print where the site is, once it answers."""
    url = site_url(config.web.host, config.web.port)
    while not await asyncio.to_thread(answers, url):
        await asyncio.sleep(ASK_S)
    what = "the demo house: no config.yml here" if config.demo else "Ctrl-C ends it"
    print(f"Voltkeeper is at {url} ({what})", flush=True)


def site_url(host: str, port: int) -> str:
    """Return the address for a browser: of a site that listens everywhere, the one on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def answers(url: str) -> bool:
    """True when the site at the URL answers, if only with a demand to sign in."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, http.client.HTTPException):
        return False


def claim(host: str, port: int) -> socket.socket:
    """Return a socket that holds the port, for 0 any free one, until it is closed. Raises SitePortError."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        # An address of a private network may come after the start, a port be free again: that is worth
        # another try.
        code = WRONG_USE if error.errno == errno.EACCES else 1
        raise SitePortError(
            f"The site cannot listen on {host}:{port}: {_remedy(error, port)}", code
        ) from error


def _remedy(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is taken by another program, perhaps by another Voltkeeper.\n"
            f"Stop that one, or choose another port: voltkeeper up --port {port + 1}"
            f" (or web: {{port: {port + 1}}} in config.yml)."
        )
    if error.errno == errno.EACCES:
        return "ports below 1024 are for root. Choose a higher one, such as 8001."
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return (
            "this machine has no such address. Use 127.0.0.1 for this machine alone, 0.0.0.0 for the network."
        )
    return f"{error.strerror or error}."
