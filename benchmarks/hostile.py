"""Attacks on a running installation from outside, one line each: what failed, how slow pages were, memory.

    python benchmarks/hostile.py [--requests N] [--connections N] [--seconds S] [--page-s S]
                                 [--memory MIB] [NAME...]

NAME is an attack, or a part of its name; without any, all run. Each attack is a function in one of MODULES
that takes the site and the options and returns one line. It raises WrongError where the product fails. All
addresses are in 127.0.0.0/8. On a machine that is busy with other things `alone` is wrong, too.
"""

import argparse
import signal
import sys
from importlib import import_module

from faults import run
from hostile_tools import installation

MODULES = ("hostile_clients", "hostile_requests", "hostile_wires")  # each has ATTACKS, a tuple of functions


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--requests", type=int, default=10_000, help="of the fuzzer")
    parser.add_argument("--seed", type=int, default=1, help="of the fuzzer")
    parser.add_argument("--connections", type=int, default=300, help="of slow clients")
    parser.add_argument(
        "--seconds", type=float, default=20, help="how long an attack that has no end goes on"
    )
    parser.add_argument("--page-s", type=float, default=0.5, help="a page beside an attack may take so long")
    parser.add_argument("--request-s", type=float, default=2.5, help="a fuzzed request may take so long")
    parser.add_argument("--memory", type=float, default=200, help="MiB that the site may take")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the programs end, too
    attacks = [attack for name in MODULES for attack in import_module(name).ATTACKS]
    chosen = [one for one in attacks if not options.names or any(n in one.__name__ for n in options.names)]
    with installation() as site:
        results = [run(attack, site, options) for attack in chosen]
    print(f"{results.count('ok')} right, {results.count('WRONG')} wrong")
    sys.exit(1 if "WRONG" in results else 0)


if __name__ == "__main__":
    main()
