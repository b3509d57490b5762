import os
import signal
import subprocess
import sys
import time

import pytest

from seeder.errors import DeadlineExceeded, Interrupted
from seeder.runtime.signals import alarm, interruptible

SLOW_IMPORT = """
import pathlib, sys, time

reached = pathlib.Path(sys.argv.pop())

class Slow:
    def find_spec(name, *_):
        if name == "seeder.cli":
            reached.touch()
            time.sleep(60)

sys.meta_path.insert(0, Slow)
from seeder.__main__ import main
sys.exit(main())
"""


@pytest.fixture(autouse=True)
def hangup_heard():
    """By this process and its children, though `nohup` have started the tests."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)],
)
def test_an_ending_signal_raises_interrupted_with_the_exit_code_of_a_shell(number, exit_code):
    with pytest.raises(Interrupted) as caught, interruptible():
        send(number)
    assert caught.value.exit_code == exit_code


def test_a_second_signal_does_not_break_into_the_end_that_the_first_began():
    ended = False
    with interruptible():
        try:
            send(signal.SIGTERM)
        except Interrupted:
            send(signal.SIGTERM)
            send(signal.SIGINT)
            ended = True
    assert ended


def test_no_signal_interrupts_after_the_close():
    with interruptible() as interruption:
        interruption.close()
        send(signal.SIGTERM)


def test_the_former_handlers_are_back_afterwards():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted), interruptible():
        send(signal.SIGTERM)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_signal_that_the_parent_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            send(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_interrupted_is_a_keyboard_interrupt_as_psycopg_expects():
    assert issubclass(Interrupted, KeyboardInterrupt)


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)],
)
def test_a_signal_during_the_imports_ends_the_process_without_a_traceback(
    tmp_path, number, exit_code
):
    reached = tmp_path / "reached"
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_IMPORT, str(reached)], stderr=subprocess.PIPE, text=True
    )
    while not reached.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(number)
    _, told = process.communicate(timeout=30)
    # Its own exit code: one that the signal killed would be negative, and process 1 not at all.
    assert (process.returncode, told) == (exit_code, "")


def test_an_alarm_breaks_into_what_is_going_on():
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded) as caught, interruptible(), alarm(0.1):
        time.sleep(60)
    assert time.monotonic() - started < 30
    assert caught.value.exit_code == 34


def test_an_alarm_that_is_over_does_not_ring():
    with interruptible():
        with alarm(0.1):
            pass
        time.sleep(0.2)


def test_another_signal_passes_an_alarm_as_it_is():
    with pytest.raises(Interrupted) as caught, interruptible(), alarm(5):
        send(signal.SIGTERM)
    assert caught.value.exit_code == 143


def test_an_alarm_leaves_the_signals_of_an_application_alone():
    before = signal.getsignal(signal.SIGALRM)
    with alarm(0.001):
        time.sleep(0.05)
    assert signal.getsignal(signal.SIGALRM) is before
