"""What a revision's file does, as one hash: equal digests do the same to a database."""

from __future__ import annotations

import hashlib
import re

_STRING = (
    r'"""(?:[^"\\]|\\.|"(?!""))*"""'
    r"|'''(?:[^'\\]|\\.|'(?!''))*'''"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'(?:[^'\\\n]|\\.)*'"
)
_LEFT_OUT = re.compile(
    rf"""
    \A(?:\s|\#[^\n]*)*[rRuU]?(?:{_STRING})          # the docstring, with date and author
    | ^(?:revision|down_revision|branch_labels|depends_on)\b[^=\n]*=[ ]*
      (?:\([^)]*\)|\[[^]]*\]|[^\n]*)                  # where it stands
    | ^(?:from\s+\S+\s+)?import\s+(?:\([^)]*\)|[^\n]*)
    | ^def\s+downgrade\b.*?(?=^[^\s)\#]|\Z)
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_TOKEN = re.compile(rf"\#[^\n]*|[rRbBuUfFtT]{{0,2}}(?:{_STRING})|\w+|[^\w\s,]", re.DOTALL)
_IDLE = frozenset({"def", "upgrade", "(", ")", "-", ">", "None", ":", "pass", "...", "."})


def text_digest(source: bytes) -> str:
    """SHA-256, hex, over the bytes of a revision's file."""
    return hashlib.sha256(source).hexdigest()


def meaning_digest(source: bytes) -> str:
    """SHA-256, hex, over what a revision does going up; empty where that is nothing.

    Comments, white space, commas, the style of quotes, imports, `downgrade` and where the revision
    stands do not count, so that it is the same under another name. Read by regular expressions:
    parsing to a syntax tree takes three times as long, and thousands of statements may stand in
    one revision.
    """
    text = _LEFT_OUT.sub("", source.decode("utf-8", "surrogateescape"))
    tokens = [_one_quote(each) for each in _TOKEN.findall(text) if each[0] != "#"]
    if _IDLE.issuperset(tokens):
        return ""
    return hashlib.sha256("\0".join(tokens).encode("utf-8", "surrogateescape")).hexdigest()


def _one_quote(token: str) -> str:
    """A plain 'string' as "string"; formatters turn the one into the other."""
    plain = token[0] == token[-1] == "'" and '"' not in token and "\\" not in token
    return f'"{token[1:-1]}"' if plain and len(token) > 1 else token
