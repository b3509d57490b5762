"""`seeder run` as images and jobs call it, read without click.

Nearly every deploy ends after one look at the database, and importing click would take a good
part of its time. What is not plain is left to click: help, mistakes, abbreviations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seeder.command_line.invocation import Invocation
from seeder.configuration import options

PLAIN = options.PARSERS.keys() - {"embedded", "allow_missing", "actor"}
"""Options of `seeder run` that take one value, and are given once."""

FLAGS = {"-q": "quiet", "--quiet": "quiet", "-v": "verbose", "--verbose": "verbose"}
"""Those that take none."""


def flags_of(arguments: Sequence[str]) -> Mapping[str, str | bool] | None:
    """Return the flags of a plain `seeder run` by option, or None where click has to look.

    >>> flags_of(["run", "--project", "db", "--mode=none"])
    {'project': 'db', 'mode': 'none'}
    """
    if arguments[:1] != ["run"]:
        return None
    known = {options.flag(name): name for name in PLAIN}
    given: dict[str, str | bool] = {}
    words = iter(arguments[1:])
    for word in words:
        if word in FLAGS:
            given[FLAGS[word]] = True
            continue
        flag, equals, value = word.partition("=")
        value = value if equals else next(words, "-")
        if flag not in known or value.startswith("-"):
            return None
        try:
            options.parse_option(known[flag], value)
        except options.Unacceptable:
            return None
        given[known[flag]] = value
    return given


def deploy(invocation: Invocation, given: Mapping[str, object]) -> None:
    """Run the job and report it."""
    settings = invocation.open("run", given)
    # Imported here: bad settings do not wait for it.
    from seeder.job import run

    invocation.finish(run(settings, log=invocation.log))
