"""The commands that run until they are stopped: `up`, its parts, and the demo house."""

import sys
from pathlib import Path

import click

from voltkeeper.cli.options import CONFIG, DEMO, PASSED, PORT, SOURCES, Option, chosen_config
from voltkeeper.cli.process import NICE_HISTORY, NICE_PLAN, fail, lower_priority, until_signal
from voltkeeper.parent_pipe import supervised


@click.command()
@SOURCES
@PORT
def up(**options: Option) -> None:
    """Run ingest and the site together.

    A process that ends is restarted. Without config.yml and options it runs the demo house, in a separate
    database. Ctrl-C stops it.
    """
    from voltkeeper.up import run_up

    sys.exit(run_up(chosen_config(**options, program="up")))


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@SOURCES
@click.option("--port", type=int, hidden=True)
@DEMO
@click.option(
    "--replay",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read recorded lines from FILE in place of the connection of the gateway NAME.",
)
def ingest(names: tuple[str, ...], replay: Path | None, **options: Option) -> None:
    """Read the sources into the database.

    All sources of the config, or only those NAMEd, until Ctrl-C or SIGTERM.
    """
    from ingest.daemon import run_ingest

    chosen = chosen_config(**options, needs_source=True, program="ingest")
    sys.exit(run_ingest(chosen, names, replay=replay))


@click.command()
@CONFIG
@PORT
@PASSED
@DEMO
def web(**options: Option) -> None:
    """Run the site alone.

    Creates the database if there is none; a separate `voltkeeper ingest` fills it.
    """
    lower_priority()
    chosen = chosen_config(**options, needs_source=True, program="web")
    if not supervised():
        from voltkeeper.up import SitePortError, claim

        try:
            claim(chosen.web.host, chosen.web.port).close()
        except SitePortError as error:
            fail(error, error.code)
    from plugins.web.units import read_units_when_asked

    read_units_when_asked()
    from plugins.web.app.server import run_web

    sys.exit(run_web(chosen))


@click.command()
@CONFIG
@PORT
@PASSED
@click.option(
    "--report-death", metavar="NAME", help="Report that this part (ingest, web ...) ends again and again."
)
@click.option("--why", default="", metavar="TEXT", help="How it ended, for --report-death.")
def outbound(report_death: str | None, why: str, **options: Option) -> None:
    """Send alerts and reports, publish by MQTT.

    Runs where config.yml has alerts:, reports: or publish:, beside ingest and the site; `up` starts it.
    """
    lower_priority()
    if report_death is not None:
        from outbound.death_report import report_part

        sys.exit(report_part(chosen_config(**options, looking=True), report_death, why))
    from outbound.daemon import run_outbound

    sys.exit(run_outbound(chosen_config(**options, needs_source=True, program="outbound")))


@click.command()
@CONFIG
@PORT
@PASSED
@DEMO
@click.option("--dry-run", is_flag=True, help="Only tell what would have happened in recorded outages.")
@click.option("--replay", metavar="OUTAGE", help="With --dry-run: in this outage, an id of the view outages.")
def plan(dry_run: bool, replay: str | None, **options: Option) -> None:
    """Carry out the outage plans of config.yml.

    Runs where it has plan:, beside ingest; `up` starts it. upsmon stays what shuts machines down. --dry-run
    does nothing: it tells what each plan would have done when, in every outage of the last year.
    """
    lower_priority(NICE_PLAN)
    if replay is not None and not dry_run:
        fail("--replay is for --dry-run: recorded outages are not acted upon")
    if dry_run:
        from voltkeeper.plans import run_dry_run

        sys.exit(run_dry_run(chosen_config(**options, looking=True), replay))
    from outbound.plan.daemon import run_plans

    sys.exit(run_plans(chosen_config(**options, needs_source=True, program="plan")))


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=5003, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@click.option(
    "--serial", type=click.Path(path_type=Path), help="Serve a serial gateway at this path in place of TCP."
)
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.1, 10_000),
    help="Simulated seconds per second.",
)
@click.option(
    "--nut-port", default=3493, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@click.option(
    "--ep20", type=click.Path(path_type=Path), help="Path of the serial port of the EP20; default: none."
)
@click.option("--history", is_flag=True, hidden=True)
def demo(
    host: str,
    port: int,
    serial: Path | None,
    speed: float,
    nut_port: int,
    ep20: Path | None,
    history: bool,
) -> None:
    """Run the demo house alone.

    It simulates a MySensors gateway with a dozen nodes, a NUT server with some UPSes, and a MUST EP20; any
    client of their protocols may connect.
    """
    import asyncio

    from ingest.config.model import Logging
    from ingest.demo.progress import anchor
    from ingest.demo.radio.gateway import run_demo
    from ingest.demo.site import FOLDER
    from ingest.demo.ups.history import live_upses
    from ingest.process.log import set_up

    set_up(Logging(), "demo")
    if history:
        from voltkeeper.demo_history import print_history

        lower_priority(NICE_HISTORY)
        print_history(f"{host}:{port}", nut_port)
    options = {"ready": lambda gateway: None} if supervised() else {}
    began = anchor(FOLDER)
    try:
        with live_upses(nut_port, ep20, until=began):
            asyncio.run(
                until_signal(run_demo(host, port, serial=serial, speed=speed, anchor=began, **options))
            )
    except OSError as error:
        where_to = f"{serial or f'{host}:{port}'} and 127.0.0.1:{nut_port}"
        fail(f"The demo house cannot listen on {where_to}: {error.strerror}. Choose others.")
