"""Is this house well? Exit code 1, in words, when the site does not answer or a reader is gone or hangs.

Run like this: `python deploy/healthcheck.py [config.yml]`; the Dockerfile does. A gateway that is off is no reason: its
reader says so on the pages.
"""

import sqlite3
import sys

from ingest.config.model import load_config
from voltkeeper.status import describe, read_sources
from voltkeeper.up import answers, site_url


def find_fault(config):
    """What is wrong, in words, or None."""
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
    return next((f"{source.name}: {describe(source)}" for source in alive if source.late), None)


if __name__ == "__main__":
    fault = find_fault(load_config((sys.argv[1:] or ["config.yml"])[0]))
    print(fault or "well")
    sys.exit(1 if fault else 0)
