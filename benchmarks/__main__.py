"""`make bench`: measure, print one table, write benchmarks/results/."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks import scenarios
from benchmarks.bench import running
from benchmarks.measure import say
from benchmarks.results import COMMITTED, Results, machine

WORK = Path(sys.prefix).parent
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
    parser.add_argument("--rounds", type=int, default=5, help="at least five for a median; 5")
    given = parser.parse_args()
    names = given.only or list(scenarios.ALL)
    results = Results(WORK / "results" if given.quick else COMMITTED)
    with running(WORK, quick=given.quick, rounds=given.rounds) as bench:
        for name in names:
            say(f"{name}:")
            started, facts = time.monotonic(), machine(bench)
            results.add(name, scenarios.ALL[name](bench), facts)
            say(f"{name} took {time.monotonic() - started:.0f} s.")
    sys.stdout.write(results.text(names) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
