"""Plain mistakes on the command line, told without click.

Whoever mistypes a word should not wait for it: importing click takes longer than all the rest.
What is told here is what click would say, word for word. Everything else is left to it: values
that are checked, what is missing, help.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seeder.commands.takes import FLAG, TAKES, VALUE


def told(arguments: Sequence[str]) -> str | None:
    """What is wrong with a command line; None where click has to look, or nothing is.

    >>> print(told(["plan", "--json=1"]))
    Error: Option '--json' does not take a value.
    """
    words = list(arguments)
    if words[:1] == ["seeder"]:  # as in `cli`
        del words[0]
    if not words or not words[0] or any("\x1b" in word for word in words):
        return None  # click knows what a terminal may be sent
    name = words[0]
    if name in TAKES and name:
        return _of_command(name, words[1:])
    usage, options, _ = TAKES[""]
    if name.startswith("--"):
        flag = name.partition("=")[0]
        unknown = len(flag) > len("--") and flag not in options
        return _no_such_option(usage, flag, options) if unknown else None
    if name.startswith("-"):
        return None
    near = _nearest(name, [each for each in TAKES if each], number=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return _with_usage(usage, f"No such command {name!r}.{hint}")


def _of_command(command: str, rest: list[str]) -> str | None:
    """The first mistake that click would meet, from left to right."""
    usage, options, closed = TAKES[command]
    words: list[str] = []
    plain = True
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            words.append(word)
            continue
        if not word.startswith("--") or word == "--":
            return None
        plain = False
        flag, equals, _ = word.partition("=")
        kind = options.get(flag)
        if kind is None:
            return _no_such_option(usage, flag, options)
        if kind == FLAG and equals:
            return f"Error: Option {flag!r} does not take a value."
        if kind == FLAG or equals:
            continue
        if kind == VALUE and not rest:
            return f"Error: Option {flag!r} requires an argument."
        if rest and (kind == VALUE or not rest[0].startswith("-") or rest[0] == "-"):
            del rest[0]
    if words and closed and plain:
        more = "s" if len(words) > 1 else ""
        return _with_usage(usage, f"Got unexpected extra argument{more} ({' '.join(words)})")
    return None


def _no_such_option(usage: str, flag: str, options: Mapping[str, str]) -> str:
    near = [repr(each) for each in sorted(_nearest(flag, list(options), number=3))]
    hint = ""
    if len(near) == 1:
        hint = f" Did you mean {near[0]}?"
    elif near:
        hint = f" (Did you mean one of: {', '.join(near)}?)"
    return _with_usage(usage, f"No such option {flag!r}.{hint}")


def _nearest(word: str, known: list[str], *, number: int) -> list[str]:
    # Imported here: this module is on the way of every run.
    from difflib import get_close_matches

    return get_close_matches(word, known, n=number)


def _with_usage(usage: str, message: str) -> str:
    command = usage.removeprefix("Usage: ").partition(" [OPTIONS]")[0]
    return f"{usage}\nTry '{command} --help' for help.\n\nError: {message}"
