"""`make bench`: measure, print a table for each server, write benchmarks/results/."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks import scenarios
from benchmarks.bench import running
from benchmarks.measure import ROOT, say
from benchmarks.results import COMMITTED, Results, machine

WORK = Path(sys.prefix).parent
OTHERS = ROOT / ".seeder" / "postgres"
"""Servers beside the wheel's, as the Makefile sets them up."""
SERVERS = ("18", "15")
HELP = f"one of {', '.join(scenarios.ALL)}; may be given several times"


def main() -> int:
    """Run the scenarios that were asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=list(scenarios.ALL), metavar="NAME", help=HELP
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer rows, no targets; results go to .seeder/bench/results, and into no commit",
    )
    parser.add_argument(
        "--postgres",
        action="append",
        choices=SERVERS,
        help="18 or 15; both, one after the other",
    )
    parser.add_argument("--rounds", type=int, default=5, help="at least five for a median; 5")
    parser.add_argument(
        "--largest", type=int, metavar="ROWS", help="how far curves go; as far as the disk does"
    )
    given = parser.parse_args()
    names = given.only or list(scenarios.ALL)
    results = Results(WORK / "results" if given.quick else COMMITTED)
    for server in given.postgres or SERVERS:
        programs = None if server == SERVERS[0] else OTHERS / server / "bin"
        with running(
            WORK,
            quick=given.quick,
            rounds=given.rounds,
            programs=programs,
            largest=given.largest,
        ) as bench:
            for name in names:
                if name in scenarios.ONCE and server != SERVERS[0]:
                    continue
                say(f"{name}, Postgres {server}:")
                started, facts = time.monotonic(), machine(bench)
                results.add(server, name, scenarios.ALL[name](bench), facts)
                say(f"{name} took {time.monotonic() - started:.0f} s.")
    sys.stdout.write(results.text(names) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
