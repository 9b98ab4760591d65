"""The commands about what is sent: `mute`, `rehearse`, `report`."""

import sys

import click

from voltkeeper.cli.options import CONFIG, Option, chosen_config
from voltkeeper.cli.process import fail, lower_priority


@click.command()
@CONFIG
@click.option("--ups", default="", metavar="NAME", help="Mute a UPS, such as rack@closet.")
@click.option("--node", default="", metavar="GATEWAY/NODE_ID", help="Mute a node, such as main/4.")
@click.option("--rule", default="", metavar="NAME", help="Mute a rule of alerts, by its name or number.")
@click.option("--all", "everything", is_flag=True, help="Mute everything.")
@click.option("--for", "for_s", default="", metavar="SECONDS", help="For so many seconds.")
@click.option("--until-end", is_flag=True, help="Until the event ends that is going on and began last.")
@click.option("--reason", default="", help="Why, for others to read.")
@click.option("--end", default="", metavar="NUMBER|all", help="End a mute.")
def mute(config: str | None, end: str, until_end: bool, reason: str, **scope_and_time: Option) -> None:
    """Mute alerts for a time.

    Without options it lists what is muted. What would be sent is kept as a delivery with the state muted.
    """
    from outbound.alerts.mute_requests import UNTIL_END, MuteFields
    from voltkeeper.mutes import run_end_mute, run_list_mutes, run_mute

    chosen = chosen_config(config, looking=True)
    is_new = until_end or bool(reason) or any(scope_and_time.values())
    if end and is_new:
        fail("--end stands alone: it ends a mute")
    if end:
        sys.exit(run_end_mute(chosen, end))
    if not is_new:
        sys.exit(run_list_mutes(chosen))
    fields = MuteFields(**scope_and_time, until=UNTIL_END if until_end else "")
    sys.exit(run_mute(chosen, fields, reason))


@click.group()
def rehearse() -> None:
    """Send what an event would send, marked as a rehearsal.

    Rules, queue and targets are the real ones; no event is stored. Ends within a minute with a table of what
    arrived. Exit code 1 if anything did not.
    """


@rehearse.command("outage")
@CONFIG
@click.option("--ups", default="", metavar="NAME", help="The UPS, such as rack@closet; default: the first.")
@click.option("--low-battery", is_flag=True, help="Its battery runs low, too.")
def rehearse_outage(config: str | None, ups: str, low_battery: bool) -> None:
    """Play an outage of a UPS, from its begin to its end."""
    from voltkeeper.rehearsals import outage, run_rehearsal

    sys.exit(run_rehearsal(chosen_config(config, looking=True), outage(ups, low_battery)))


@rehearse.command("silence")
@CONFIG
@click.option(
    "--node", default="", metavar="GATEWAY/NODE_ID", help="The node, such as main/4; default: the first."
)
def rehearse_silence(config: str | None, node: str) -> None:
    """Play a node that falls silent and is heard again."""
    from voltkeeper.rehearsals import run_rehearsal, silence

    sys.exit(run_rehearsal(chosen_config(config, looking=True), silence(node)))


@rehearse.command("all")
@CONFIG
def rehearse_all(config: str | None) -> None:
    """Play every kind of event that is sent."""
    from voltkeeper.rehearsals import everything, run_rehearsal

    sys.exit(run_rehearsal(chosen_config(config, looking=True), everything))


@click.command()
@click.argument("name")
@CONFIG
@click.option(
    "--of",
    metavar="DAY",
    help="A day of its period: 2026-10-14, 2026-10 or 2026; default: the last whole one.",
)
@click.option("--no-wait", is_flag=True, help="Do not wait until it is sent.")
@click.option("--make-only", is_flag=True, hidden=True)
def report(name: str, config: str | None, of: str | None, no_wait: bool, make_only: bool) -> None:
    """Send the report NAME of `reports:` now.

    It is kept in reports/ beside the database, and queued for its targets: `voltkeeper up` sends it. Exit
    code 1 if a target did not get it within a minute.
    """
    import sqlite3

    from ingest.errors import VoltkeeperError
    from outbound.reports.run import print_made, send_report

    lower_priority()
    chosen = chosen_config(config, looking=True, program="report")
    try:
        if make_only:
            print_made(chosen, name, of)
            return
        sys.exit(send_report(chosen, name, of, not no_wait))
    except (VoltkeeperError, OSError, sqlite3.Error) as error:
        fail(error, 1)
