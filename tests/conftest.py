"""Fixtures for all tests; each plugin documents its own."""

pytest_plugins = [
    "tests.support.postgres",
    "tests.support.events",
    "tests.support.users",
    "tests.support.revisions",
    "tests.support.merge",
    "tests.support.shop",
    "tests.support.browser",
]
