"""`python -m voltkeeper` is `voltkeeper`."""

from voltkeeper.cli import main

if __name__ == "__main__":
    main(prog_name="voltkeeper")
