"""`python -m ingest`: what `voltkeeper up` of 0.1 started its parts with.

It stays for one release: an `up` that runs while the files are replaced starts its parts anew with this name.
"""

from voltkeeper.cli import main

if __name__ == "__main__":
    main(prog_name="voltkeeper")
