"""Health check: exit code 1 and the reason when the site does not answer, or a process is gone or hangs.

Run like this: `python deploy/healthcheck.py [config.yml]`; the Dockerfile does. A gateway that is off, or a
target that cannot be reached, is no reason: the pages show it.
"""

import sqlite3
import sys

from ingest.config.model import Config, load_config
from outbound.plan.lock import carries_out_plans
from outbound.sending_lock import is_sending
from voltkeeper.status import describe_source, read_sources
from voltkeeper.up import answers, site_url


def find_fault(config: Config) -> str | None:
    """Return what is wrong, or None."""
    url = site_url(config.web.host, config.web.port)
    if not answers(url):
        return f"the site does not answer at {url}"
    try:
        sources = read_sources(config.database)
    except sqlite3.Error as error:
        return f"{config.database} cannot be read: {error}"
    alive = [source for source in sources.values() if source.alive]
    if sources and not alive:
        return "ingest does not run"
    if config.sends and not is_sending(config.database):
        return "outbound does not run: alerts and reports wait"
    if config.plan and not carries_out_plans(config.database):
        return "plan does not run: outage plans are not carried out"
    return next((f"{source.name}: {describe_source(source)}" for source in alive if source.late), None)


if __name__ == "__main__":
    fault = find_fault(load_config((sys.argv[1:] or ["config.yml"])[0]))
    print(fault or "healthy")
    sys.exit(1 if fault else 0)
