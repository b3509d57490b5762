"""Write what was found: a table for each server, all of it as JSON, and a plot (`plot`)."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, Outcome

ROOT = Path(__file__).parent.parent
COMMITTED = Path(__file__).parent / "results"


class Results:
    """The results in a directory; a scenario that runs again replaces its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = directory / "results.json"
        self._servers: dict[str, dict[str, Any]] = {}
        if self._file.exists():
            self._servers = json.loads(self._file.read_text())["servers"]

    def add(self, server: str, name: str, outcome: Outcome, machine: Mapping[str, Any]) -> None:
        """Keep what a scenario found on a server, and write everything anew."""
        self._servers.setdefault(server, {})[name] = {"machine": machine, **outcome.document()}
        self._directory.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps({"servers": self._servers}, indent=1) + "\n")
        (self._directory / "results.md").write_text(self.markdown())
        if outcome.points:
            # In a process of its own: what matplotlib takes would count as the peak of every
            # command that is started later.
            subprocess.run(
                [sys.executable, "-m", "benchmarks.plot", str(self._directory)],
                cwd=ROOT,
                check=True,
            )

    def markdown(self) -> str:
        """A table of ratios for each server, what it was measured on, and what was left out."""
        return "\n".join(
            _markdown(server, list(scenarios.values()))
            for server, scenarios in self._servers.items()
        )

    def text(self, names: Sequence[str]) -> str:
        """The ratios of these scenarios, for a terminal."""
        return "\n\n".join(
            _text(server, [each for name, each in scenarios.items() if name in names])
            for server, scenarios in self._servers.items()
        )


def _markdown(server: str, scenarios: Sequence[Mapping[str, Any]]) -> str:
    lines = [f"Postgres {server}:", ""]
    lines += ["| | what | ratio | target | met | |", "|---|---|---|---|---|---|"]
    lines += ["| " + " | ".join(_cells(ratio)) + " |" for ratio in _ratios(scenarios)]
    left_out = [why for each in scenarios for why in each["not_measured"]]
    lines += ["", *(f"- Not measured: {why}." for why in left_out)]
    facts = {_facts(each["machine"]): None for each in scenarios}
    lines += [f"- {fact}" for fact in facts]
    return "\n".join(lines) + "\n"


def _text(server: str, scenarios: Sequence[Mapping[str, Any]]) -> str:
    rows = [_cells(each) for each in _ratios(scenarios)]
    widths = [max((len(row[n]) for row in rows), default=0) for n in range(5)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True))
        for row in rows
    ]
    return "\n".join([f"Postgres {server}", *lines])


def _ratios(scenarios: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = [ratio for each in scenarios for ratio in _judged(each)]
    return sorted(found, key=lambda ratio: int(ratio["target"]))


def _judged(scenario: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Its ratios; those of a quick run say nothing of the targets, which are for the full size."""
    if not scenario["machine"]["quick"]:
        return list(scenario["ratios"])
    return [{**ratio, "met": None} for ratio in scenario["ratios"]]


def _cells(ratio: Mapping[str, Any]) -> list[str]:
    if ratio["at_most"] is not None:
        target = f"≤ {ratio['at_most']:.3g}"
    elif ratio["at_least"] is not None:
        target = f"≥ {ratio['at_least']:.3g}"
    else:
        target = "reported"
    met = {True: "yes", False: "NO", None: ""}[ratio["met"]]
    value = f"{ratio['value']:.2f} {ratio['unit']}".strip()
    return [str(ratio["target"]), ratio["what"], value, target, met, ratio["note"]]


def machine(bench: Bench) -> dict[str, Any]:
    """What the numbers depend on."""
    with bench.connect() as connection:
        row = connection.execute("SHOW server_version").fetchone()
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "date": f"{datetime.date.today():%Y-%m-%d}",
        "commit": commit.stdout.strip(),
        "cpus": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "postgres": str(row[0]).split()[0] if row else "",
        "rounds": bench.rounds,
        "quick": bench.quick,
        "load": round(os.getloadavg()[0], 1),
    }


def _facts(machine: Mapping[str, Any]) -> str:
    size = "fewer rows" if machine["quick"] else "full size"
    return (
        f"{machine['date']}: {machine['cpus']} CPUs, {machine['memory_gb']} GB,"
        f" {machine['system']}, Postgres {machine['postgres']}, Python {machine['python']};"
        f" {size}, medians of {machine['rounds']} rounds or more."
    )
