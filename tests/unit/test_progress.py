"""How far a load is: said after a second, with a rate, and with an honest estimate."""

from __future__ import annotations

import io
import json

from seeder.runtime import log as logs
from seeder.runtime.log import LogFormat
from seeder.runtime.progress import Progress
from tests.support.events import Events


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def told(seconds: float, done: int, *, total: int | None, unit: str = "rows") -> Events:
    clock, events = Clock(), Events()
    progress = Progress(events, clock=clock)
    step = progress.step("loading", "countries", total=total, unit=unit)
    step.done = done
    clock.now += seconds
    progress.look(events)
    return events


def test_a_step_of_less_than_a_second_is_not_mentioned() -> None:
    assert told(0.9, 500, total=1_000).all == []


def test_a_load_is_told_with_its_share_its_rate_and_the_time_it_takes_yet() -> None:
    events = told(2.0, 250_000, total=1_000_000)
    assert events.named("set.progressed") == [
        {
            "line": "countries: loading, 25 % of 1,000,000 rows, 125,000 rows/s, 6 s left",
            "set": "countries",
            "doing": "loading",
            "seconds": 2.0,
            "rows": 250_000,
            "rows_per_s": 125_000,
            "percent": 25,
            "left_s": 6.0,
        }
    ]


def test_a_file_is_told_in_bytes() -> None:
    (fields,) = told(2.0, 60_000_000, total=120_000_000, unit="bytes").named("set.progressed")
    assert fields["line"] == "countries: loading, 50 % of 120 MB, 30 MB/s, 2 s left"


def test_what_cannot_be_known_is_not_guessed() -> None:
    (nothing,) = told(3.0, 0, total=1_000).named("set.progressed")
    assert nothing["line"] == "countries: loading, 3 s"
    (endless,) = told(3.0, 3_000, total=None).named("set.progressed")
    assert endless["line"] == "countries: loading, 3,000 rows, 1,000 rows/s, 3 s"
    (begun,) = told(3.0, 3, total=1_000_000).named("set.progressed")
    assert "left" not in begun["line"]


def test_a_terminal_shows_one_line_that_the_next_event_replaces() -> None:
    stream = io.StringIO()
    log = logs.configure(LogFormat.TEXT, stream=stream, columns=20)
    log.progress("set.progressed", "countries: loading \x1b[2J and more")
    log.progress("set.progressed", "countries: 50 %")
    log.info("set.applied", set="countries")
    log.progress_ended()
    first, second, event = stream.getvalue().split("\r\x1b[2K")[1:]
    assert first == "countries: loading "
    assert second == "countries: 50 %"
    assert event.endswith(" set.applied set=countries\n")


def test_elsewhere_it_is_an_event_now_and_then() -> None:
    stream = io.StringIO()
    log = logs.configure(LogFormat.JSON, stream=stream, columns=80)
    for _ in range(100):
        log.progress("set.progressed", "countries: 50 %", percent=50)
    log.progress_ended()
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["percent"] == 50
    assert "\x1b" not in line
