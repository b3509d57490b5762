"""Run commands side by side and measure each as a whole process."""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of one command."""

    seconds: float
    peak_mb: float
    """Largest resident set of the process, as the kernel reports it at its end; never less than
    that of the process which started it."""
    output: str = ""
    """stdout and stderr."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A command to measure."""

    name: str
    command: Sequence[str]
    prepare: Callable[[], Mapping[str, str]] = dict
    """Called before each run, outside of the measured time; returns variables for it."""
    exit_code: int = 0


def interleaved(cases: Sequence[Case], *, rounds: int) -> dict[str, list[Sample]]:
    """Measure every case `rounds` times, in turns: whatever slows the machine slows them all.

    The first round warms up and does not count. Every second round runs backwards.
    """
    samples: dict[str, list[Sample]] = {case.name: [] for case in cases}
    for number in range(rounds + 1):
        for case in cases if number % 2 else reversed(cases):
            sample = once(case)
            if number:
                samples[case.name].append(sample)
            say(f"  {case.name}: {sample.seconds:.3f} s{'' if number else ' (warm-up)'}")
    return samples


def once(case: Case) -> Sample:
    """Run a case once; raises RuntimeError if it ends otherwise than it should."""
    environ = {**environment(), **case.prepare()}
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = Popen(
            case.command, env=environ, cwd=ROOT, stdin=DEVNULL, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode != case.exit_code:
        raise RuntimeError(f"{case.name} ended with {process.returncode}:\n{text[-3000:]}")
    return Sample(seconds=seconds, peak_mb=usage.ru_maxrss / 1024, output=text)


def environment() -> dict[str, str]:
    """Variables of every child: none of this machine's own, and compiled modules allowed."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def median(samples: Sequence[Sample]) -> float:
    """The median of the wall-clock times, in seconds."""
    return statistics.median(each.seconds for each in samples)


def peak(samples: Sequence[Sample]) -> float:
    """The median of the peaks, in MB; raises RuntimeError where it may be this process' own."""
    found = statistics.median(each.peak_mb for each in samples)
    if found <= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:
        raise RuntimeError("the benchmark itself has taken more memory than what it measures")
    return found


def say(text: str) -> None:
    """Tell how far it is, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
