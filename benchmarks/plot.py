"""`python -m benchmarks.plot DIRECTORY`: the curves of its results.json, as curves.svg."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib


def main() -> None:
    """Plot the points of all scenarios."""
    directory = Path(sys.argv[1])
    servers = json.loads((directory / "results.json").read_text())["servers"]
    points = [
        point
        for scenarios in servers.values()
        for each in scenarios.values()
        for point in each["points"]
    ]
    plot(points, directory / "curves.svg")


def plot(points: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Time over rows, both logarithmic, every system a line."""
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "seeder"  # the same curves, the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(12, 5.5), sharey=True)
    for axis, work in zip(axes, ("first load", "update"), strict=True):
        chosen = [each for each in points if each["work"] == work]
        for system in dict.fromkeys(each["system"] for each in chosen):
            line = sorted(
                (each["rows"], each["seconds"]) for each in chosen if each["system"] == system
            )
            own = system == "seeder"
            axis.plot(
                [rows for rows, _ in line],
                [seconds for _, seconds in line],
                marker="o",
                markersize=4,
                linewidth=2.5 if own else 1.2,
                color="#c2410c" if own else None,
                label=system,
            )
        axis.set(xscale="log", yscale="log", title=work, xlabel="rows")
        axis.grid(visible=True, which="major", alpha=0.3)
        axis.legend(frameon=False)
    axes[0].set_ylabel("seconds, whole process")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main()
