"""`python -m ingest` is `voltkeeper`."""

from ingest.cli import main

if __name__ == "__main__":
    main(prog_name="voltkeeper")
