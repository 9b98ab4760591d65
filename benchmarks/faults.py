"""Faults from outside the process, one line each: what was lost, doubled, reordered, and what was said.

    python benchmarks/faults.py [--kills N] [--io-seconds S] [--clock-seconds S] [NAME...]

NAME is a fault, or a part of its name; without any, all run. Each fault is a function in one of MODULES that
takes the options, makes one thing go wrong and returns one line. It raises WrongError where the product
fails, and SkipError where this machine cannot make the fault.
"""

import argparse
import sys
import time
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fault_tools import SkipError, WrongError

MODULES = (
    "faults_clock",
    "faults_database",
    "faults_wires",
)  # one a subject; each has FAULTS, a tuple of functions


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--kills", type=int, default=20, help="how often ingest is killed with SIGKILL")
    parser.add_argument("--clock-seconds", type=float, default=60, help="seconds of steps of the clock")
    parser.add_argument("--io-seconds", type=float, default=60, help="seconds of random I/O errors")
    options = parser.parse_args()
    faults = [fault for name in MODULES for fault in import_module(name).FAULTS]
    chosen = [one for one in faults if not options.names or any(n in one.__name__ for n in options.names)]
    results = [run(fault, options) for fault in chosen]
    print(f"{results.count('ok')} right, {results.count('WRONG')} wrong, {results.count('skipped')} skipped")
    sys.exit(1 if "WRONG" in results else 0)


def run(fault, *arguments):
    """Run one fault and print its line; returns ok, WRONG or skipped."""
    began = time.monotonic()
    try:
        verdict, line = "ok", fault(*arguments)
    except SkipError as reason:
        verdict, line = "skipped", str(reason)
    except Exception as error:
        name = "" if isinstance(error, WrongError) else f"{type(error).__name__}: "
        verdict, line = "WRONG", f"{name}{error}"
    print(f"{verdict:7} {fault.__name__:32} {line} ({time.monotonic() - began:.0f} s)", flush=True)
    return verdict


if __name__ == "__main__":
    main()
