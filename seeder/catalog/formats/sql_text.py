"""As much of SQL's lexical structure as telling an edit from a reformatting takes."""

from __future__ import annotations

import re

from seeder.catalog.formats.files import Unreadable, place_of

_TOKENS = re.compile(
    r"""
      (?P<space>\s+ | --[^\n]*)
    | (?P<comment>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*+')
    | (?P<string>(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*+')
    | (?P<quoted>(?:[uU]&)?"(?:[^"]|"")*+")
    | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<number>\$?\d[\w.]*)
    | (?P<operator>(?:(?!--|/\*)[-+*/<>=~!@\#%^&|`?:])+)
    | (?P<single>[(),;.\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")

_TRANSACTION = frozenset({"begin", "commit", "rollback", "start", "abort", "end"})


def tokens(sql: str) -> list[str]:
    """The tokens of a script: no comments, no blanks, unquoted words in lower case.

    Two scripts with equal tokens mean the same. Raises `Unreadable` for a quote or
    comment without an end, for psql's own commands and for transaction control.

    >>> tokens("SELECT 'It''s'  -- why\\n FROM t;")
    ['select', "'It''s'", 'from', 't', ';']
    """
    found: list[str] = []
    at = 0
    while at < len(sql):
        match = _TOKENS.match(sql, at)
        if match is None:
            raise _unlexable(sql, at)
        kind, start = match.lastgroup, at
        at = match.end()
        if kind == "space":
            continue
        if kind == "comment":
            at = _comment_end(sql, start)
            continue
        if kind == "dollar":
            end = sql.find(match.group(), at)
            if end < 0:
                raise _bad(sql, start, f"the quote {match.group()} has no end")
            at = end + len(match.group())
        token = sql[start:at]
        if kind == "word":
            token = token.lower()
            if token in _TRANSACTION and (not found or found[-1] == ";"):
                raise _bad(
                    sql,
                    start,
                    f"`{token.upper()}` controls the transaction",
                    "Remove it: the task runs inside the seeding transaction.",
                )
        found.append(token)
    return found


def _comment_end(sql: str, start: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    raise _bad(sql, start, "the comment has no end")


def _unlexable(sql: str, at: int) -> Unreadable:
    here = sql[at]
    if here == "\\":
        return _bad(sql, at, "psql's own commands do not work here", "Write SQL only.")
    if here in "'\"" or sql[at : at + 2].lower() in ("e'", "u&"):
        return _bad(sql, at, "the quote has no end")
    return _bad(sql, at, f"the character `{here}` is no SQL")


def _bad(sql: str, at: int, message: str, remedy: str | None = None) -> Unreadable:
    return Unreadable(message, remedy, *place_of(sql, at))
