"""Fixtures for all tests; each plugin documents its own."""

import signal

# A shell makes what it starts in the background ignore Ctrl-C, and so would every process that
# a test starts and then interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.support.postgres",
    "tests.support.debian",
    "tests.support.events",
    "tests.support.users",
    "tests.support.revisions",
    "tests.support.merge",
    "tests.support.shop",
    "tests.support.browser",
]
