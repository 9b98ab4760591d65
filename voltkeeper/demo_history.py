"""The history of the demo house, made on the terminal: a bar of its days, and what was made."""

from ingest.demo.making import make_history
from ingest.demo.progress import DAYS
from ingest.demo.site import NAME, demo_config
from ingest.process.progress import ProgressBar


def print_history(gateway: str, nut_port: int) -> None:
    """Make the history where it is not there yet, and print what was made."""
    with ProgressBar(DAYS, f"{DAYS} days of a demo") as bar:
        made = make_history(demo_config(gateway, nut_port), NAME, report=bar.show)
    if made is not None:
        print(
            f"The demo house has a history of {DAYS} days: {made.messages:,} messages and {made.samples:,} "
            f"samples of UPSes, made in {made.seconds:.1f} s",
            flush=True,
        )
