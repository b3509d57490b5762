"""The lines of a CSV file in blocks of a few, each known by a hash.

A block ends behind a line whose own checksum says so. So lines that come, go or change move no
other block's ends, and most blocks of a file are those of its last version.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import islice, pairwise
from typing import TypeAlias
from zlib import crc32

_ENDS = 7
"""One line in eight ends a block: in a block of many, one changed line takes many with it, and
blocks of few take room in the ledger."""
_MOST = 1024
"""Lines without an end that are held."""
_DIGEST = 12
"""Bytes of a block's hash: two blocks in a trillion times a trillion are taken for each other."""
_ZERO = ord("0")
_AHEAD = 64 * _DIGEST
"""How far on a block is looked for; beyond, the two files have little in common."""

_Key: TypeAlias = tuple[int, bytes]
"""Of a number, as it is written, its length comes first."""


class Unordered(Exception):  # no failure: the file is read in another way
    """Keys do not ascend, so that one may stand there twice, or are not told by how they look."""


class Known:
    """The blocks of a file that was applied before, and rows that are looked at all the same."""

    def __init__(
        self, blocks: bytes, looked_at: Iterable[str], missing: Sequence[str], *, numeric: bool
    ) -> None:
        self.missing = missing
        """Places of entries whose live rows have vanished; they are among those looked at."""
        self._blocks = blocks
        self._at = 0
        self._looked_at = sorted(_ordered(map(str.encode, looked_at), numeric=numeric))

    def passes(self, digest: bytes, first: _Key, last: _Key) -> bool:
        """Whether the file had the block, further on than the last one, and none is looked at."""
        found = self._blocks.find(digest, self._at, self._at + _AHEAD)
        while found >= 0 and found % _DIGEST:
            found = self._blocks.find(digest, found + 1, self._at + _AHEAD)
        if found < 0:
            return False
        self._at = found + _DIGEST
        place = bisect_left(self._looked_at, first)
        return place == len(self._looked_at) or self._looked_at[place] > last


class Lines:
    """What of a file's bytes is sent, while its blocks are noted."""

    def __init__(self, *, key: int, numeric: bool) -> None:
        """`key` is the place of the key's field; `numeric`: keys ascend as numbers do."""
        self._key = key
        self._numeric = numeric
        self.known: Known | None = None
        """Blocks that are not sent."""
        self.begin()

    def begin(self) -> None:
        """The file is read from its beginning."""
        self.blocks = bytearray()
        """The hashes of all blocks, one behind the other."""
        self.ascends = True
        self.skipped = 0
        """Rows that were not sent."""
        self.sent = 0
        self.ended = False
        self._header = True
        self._rest = b""
        self._block: list[bytes] = []
        self._last: _Key | None = None

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes of the file, or none at its end; returns what is sent of them.

        Raises Unordered where blocks are to be skipped and keys do not ascend.
        """
        if not self.ascends:
            return chunk
        try:
            return self._feed(chunk)
        except Unordered:
            self.ascends = False
            if self.known is not None:
                raise
            return chunk

    def _feed(self, chunk: bytes) -> bytes:
        lines = (self._rest + chunk).split(b"\n")
        self._rest = b"" if not chunk else lines.pop()
        if not chunk and not lines[-1]:
            lines.pop()
        found = [b""]
        if self._header and lines:
            self._header = False
            found.append(lines.pop(0) + b"\n")
        lines[:0] = self._block
        ends = [n for n, sum_ in enumerate(map(crc32, lines), 1) if not sum_ & _ENDS]
        if not chunk or len(lines) > _MOST + (ends[-1] if ends else 0):
            ends.append(len(lines))
        blocks = [lines[n:m] for n, m in pairwise([0, *ends]) if n < m]
        self._block = lines[ends[-1] :] if ends else lines
        if self.known is None:
            self._note(lines[: ends[-1]] if ends else [], blocks)
        else:
            for block in blocks:
                if self._is_sent(block, self.known):
                    found += [b"\n".join(block), b"\n"]
        self.ended = not chunk
        return chunk if self.known is None else b"".join(found)

    def _note(self, lines: list[bytes], blocks: Iterable[list[bytes]]) -> None:
        """Note what is sent in any case, many blocks at a time."""
        if lines:
            self._follow(self._keys(lines))
        self.blocks += b"".join(map(_digest, blocks))
        self.sent += len(lines)

    def _is_sent(self, block: list[bytes], known: Known) -> bool:
        """Note a block; returns whether it is sent."""
        digest = _digest(block)
        self.blocks += digest
        first, last = self._keys((block[0], block[-1]))
        if known.passes(digest, first, last):
            self._follow([first])
            self._last = last
            self.skipped += len(block)
            return False
        self._follow(self._keys(block))
        self.sent += len(block)
        return True

    def _keys(self, lines: Sequence[bytes]) -> list[_Key]:
        at = self._key
        try:
            keys = (
                [line.split(b",", at + 1)[at] for line in lines]
                if at
                else [line.partition(b",")[0] for line in lines]
            )
        except IndexError:  # a line without that field
            raise Unordered from None
        if self._numeric and not all(map(_is_plain_number, keys)):
            raise Unordered
        return _ordered(keys, numeric=self._numeric)

    def _follow(self, keys: list[_Key]) -> None:
        ordered = keys if self._last is None else [self._last, *keys]
        self._last = keys[-1]
        if not all(map(operator.lt, ordered, islice(ordered, 1, None))):
            raise Unordered


def _digest(block: list[bytes]) -> bytes:
    return blake2b(b"\n".join(block), digest_size=_DIGEST).digest()


def _is_plain_number(key: bytes) -> bool:
    """Whether a number is written as it is shown, and not as `01`, `+1` or `1_000`."""
    return key.isdigit() and (key[0] != _ZERO or len(key) == 1)


def _ordered(keys: Iterable[bytes], *, numeric: bool) -> list[_Key]:
    return [(len(key) if numeric else 0, key) for key in keys]
