"""`python -m ingest` is `voltkeeper`."""

from ingest.cli import main

main()
