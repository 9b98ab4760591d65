"""The command line, `voltkeeper`: thin.

Each command imports the module that does its work when it is used.
"""

import click

from voltkeeper.cli import installation, programs, sending, stored_data
from voltkeeper.parent_pipe import follow_parent


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 success, 1 failure, 2 wrong usage.",
)
@click.version_option(package_name="voltkeeper")
def main() -> None:
    """MySensors nodes and UPSes in one SQLite file, published with Datasette.

    Start with `voltkeeper up`: without a config.yml it shows a demo house. To connect what you have, run
    `voltkeeper setup`, or try `voltkeeper up --gateway HOST:PORT` or `--nut HOST`.
    """
    follow_parent()


for command in (
    programs.up,
    programs.ingest,
    programs.web,
    programs.outbound,
    programs.plan,
    programs.demo,
    installation.setup,
    installation.hash_password,
    installation.check,
    installation.status,
    sending.mute,
    sending.rehearse,
    sending.report,
    stored_data.prune,
    stored_data.repair,
    stored_data.backup,
    stored_data.import_,
    stored_data.export,
    stored_data.replay,
):
    main.add_command(command)
