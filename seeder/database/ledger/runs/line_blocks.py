"""The lines of a CSV file in blocks of a few, each known by a hash.

A block ends behind a line whose own checksum says so. So lines that come, go or change move few
other blocks' ends, and most blocks of a file are those of its last version.
"""

from __future__ import annotations

import operator
import os
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import accumulate, islice, pairwise
from typing import BinaryIO, TypeAlias
from zlib import adler32

from msgspec import Struct

from seeder.merge.model import CsvFile
from seeder.runtime.background import Background

_ENDS = 13
"""One line in so many ends a block; a prime, so that all of its checksum counts ..."""
_MOST = 8
"""... which has so many lines at most: a changed line takes its block with it, and is more often
in a long one. Blocks of fewer lines would take more room in the ledger."""
_DIGEST = 12
"""Bytes of a block's hash: two blocks in a trillion times a trillion are taken for each other."""
_AHEAD = 4096
"""How many blocks on one is looked for; beyond, the two files have little in common."""
_CHUNK = 1 << 19
"""Bytes that are read at once: split into lines they take many times that."""
_ZERO = ord("0")

Key: TypeAlias = bytes | int
"""As the lines are ordered: numbers by their size, texts by their bytes."""
Range: TypeAlias = tuple[int, int]
"""From one byte of a file up to another one."""


class Unordered(Exception):  # no failure: the file is staged as a whole
    """Keys do not ascend, so that one may stand there twice, or are not told by how they look."""


class Part(Struct, frozen=True, kw_only=True):
    """What of a file has to be staged; the rest was applied before."""

    ranges: Sequence[Range]
    """The header among them."""
    sent: int
    """Lines in them, without the header."""
    skipped: int
    entries: int
    """Active entries of the ledger."""
    missing: Sequence[str]
    """Places of entries whose live rows have vanished; their lines are sent."""


class Lines:
    """The blocks of a file, which is read in a thread while the server is at work."""

    def __init__(self, source: CsvFile, *, key: int, numeric: bool) -> None:
        """`key` is the place of the key's field; `numeric`: keys ascend as numbers do."""
        self._source = source
        self._key = key
        self._numeric = numeric
        self._reading: Background[_Blocks | None] | None = None
        self.part: Part | None = None
        """What is staged; None: the whole file."""

    def read(self, applied: bytes = b"") -> None:
        """Begin to read, unless that has begun; `applied` are the hashes of the last version."""
        if self._reading is None:
            self._reading = Background(lambda: self._read(applied))

    @property
    def blocks(self) -> bytes | None:
        """The hashes of all blocks, once the file is read; None where its keys do not ascend."""
        blocks = self._blocks()
        return None if blocks is None else bytes(blocks.digests)

    def choose(self, looked_at: Iterable[str], *, entries: int, missing: Sequence[str]) -> None:
        """Have only a part of the file staged: blocks that are new, and the lines of these keys.

        Where keys do not ascend it is staged as a whole.
        """
        blocks = self._blocks()
        if blocks is None:
            return
        with self._source.path.open("rb") as file:
            lines = [blocks.line(file, key) for key in looked_at]
        more = [each for each in lines if each is not None and not _within(each, blocks.sent)]
        self.part = Part(
            ranges=[(0, blocks.first), *sorted([*blocks.sent, *more])],
            sent=blocks.lines_sent + len(more),
            skipped=blocks.lines - blocks.lines_sent - len(more),
            entries=entries,
            missing=missing,
        )

    def _blocks(self) -> _Blocks | None:
        self.read()
        assert self._reading is not None  # noqa: S101  # `read` has begun it
        return self._reading.result()

    def _read(self, applied: bytes) -> _Blocks | None:
        blocks = _Blocks(applied, key=self._key, numeric=self._numeric)
        try:
            with self._source.path.open("rb") as file:
                blocks.read(file)
                status = os.fstat(file.fileno())
        except (Unordered, OSError):  # who copies the file says what is wrong with it
            return None
        unchanged = (status.st_size, status.st_mtime_ns, status.st_ino) == self._source.stamp
        return blocks if unchanged else None


class _Blocks:
    """What reading a file has found."""

    def __init__(self, applied: bytes, *, key: int, numeric: bool) -> None:
        self._applied = applied
        self._next = 0
        """Where in `applied` the next block is expected."""
        self._key = key
        self._numeric = numeric
        self._last: Key | None = None
        self.digests = bytearray()
        self.sent: list[Range] = []
        """Blocks that were not applied before."""
        self.lines_sent = self.lines = 0
        self.first = self.end = 0
        """Where the first line begins, and where the last one ends."""

    def read(self, file: BinaryIO) -> None:
        """Raises Unordered and OSError."""
        self.first = at = len(file.readline())
        self.end = os.fstat(file.fileno()).st_size
        lines: list[bytes] = []
        rest = b""
        while True:
            chunk = file.read(_CHUNK)
            more = (rest + chunk).split(b"\n")
            rest = more.pop() if chunk else b""
            if not chunk and not more[-1]:
                more.pop()
            lines += more
            bounds = _bounds(lines, ended=not chunk)
            if len(bounds) == 1:
                if not chunk:
                    return
                continue
            texts = [b"\n".join(lines[n:m]) for n, m in pairwise(bounds)]
            places = list(accumulate((len(text) + 1 for text in texts), initial=at))
            at = places[-1]
            self._add(lines, bounds, texts, [min(place, self.end) for place in places])
            if not chunk:
                return
            lines = lines[bounds[-1] :]

    def _add(
        self,
        lines: Sequence[bytes],
        bounds: Sequence[int],
        texts: Iterable[bytes],
        places: Sequence[int],
    ) -> None:
        """Raises Unordered where keys do not ascend; within blocks that were applied, they do."""
        digests = [blake2b(text, digest_size=_DIGEST).digest() for text in texts]
        self.digests += b"".join(digests)
        self.lines += bounds[-1]
        if not self._applied:
            keys = self._keys(lines[: bounds[-1]])
            self._require_ascending(keys)
            self._require_between(keys[:1], keys[-1:])
            return
        for n in self._unknown(digests):
            self._require_ascending(self._keys(lines[bounds[n] : bounds[n + 1]]))
            self.lines_sent += bounds[n + 1] - bounds[n]
            start, end = places[n], places[n + 1]
            if self.sent and self.sent[-1][1] == start:
                start = self.sent.pop()[0]
            self.sent.append((start, end))
        self._require_between(
            self._keys([lines[n] for n in bounds[:-1]]),
            self._keys([lines[n - 1] for n in bounds[1:]]),
        )

    def _unknown(self, digests: Sequence[bytes]) -> list[int]:
        """Which of these blocks were not applied."""
        applied, step = self._applied, _DIGEST
        end = min(self._next + (len(digests) + _AHEAD) * step, len(applied))
        ahead = {applied[n : n + step]: n + step for n in range(self._next, end, step)}
        found = [ahead.get(digest, 0) for digest in digests]
        self._next = max(self._next, *found)
        return [n for n, place in enumerate(found) if not place]

    def _require_between(self, firsts: Sequence[Key], lasts: Sequence[Key]) -> None:
        """Blocks ascend by their first and last keys."""
        before = lasts if self._last is None else [self._last, *lasts]
        after = firsts[1:] if self._last is None else firsts
        if not all(map(operator.lt, before, after)):
            raise Unordered
        self._last = lasts[-1]

    @staticmethod
    def _require_ascending(keys: Sequence[Key]) -> None:
        if not all(map(operator.lt, keys, islice(keys, 1, None))):
            raise Unordered

    def _keys(self, lines: Sequence[bytes]) -> Sequence[Key]:
        at = self._key
        try:
            keys = (
                [line.split(b",", at + 1)[at] for line in lines]
                if at
                else [line.partition(b",")[0] for line in lines]
            )
        except IndexError:  # a line without that field
            raise Unordered from None
        if not self._numeric:
            return keys
        if not all(map(_is_plain_number, keys)):
            raise Unordered
        return [int(key) for key in keys]

    def line(self, file: BinaryIO, key: str) -> Range | None:
        """Where the line of a key is, found by halves; None where there is none."""
        wanted: Key = int(key) if self._numeric else key.encode()

        def begins(at: int) -> int:
            """Where the next line begins."""
            if at == self.first:
                return at
            file.seek(at - 1)
            file.readline()
            return file.tell()

        def key_at(start: int) -> Key:
            file.seek(start)
            return self._keys([file.readline().rstrip(b"\n")])[0]

        def reached(at: int) -> bool:
            start = begins(at)
            return start >= self.end or key_at(start) >= wanted  # type: ignore[operator]  # alike

        places = range(self.first, self.end)
        at = bisect_left(places, True, key=reached)  # what is looked for
        if at == len(places):
            return None
        start = begins(places[at])
        if start >= self.end or key_at(start) != wanted:
            return None
        return start, begins(start + 1)


def _bounds(lines: Sequence[bytes], *, ended: bool) -> list[int]:
    """Numbers of the lines between blocks, from 0; the last lines may lack their block's end."""
    bounds = [last := 0]
    for number, checksum in enumerate(map(adler32, lines), 1):
        if not checksum % _ENDS or number - last == _MOST:
            bounds.append(last := number)
    if ended and bounds[-1] < len(lines):
        bounds.append(len(lines))
    return bounds


def _within(line: Range, ranges: Sequence[Range]) -> bool:
    place = bisect_left(ranges, (line[0] + 1, 0)) - 1
    return place >= 0 and line[0] < ranges[place][1]


def _is_plain_number(key: bytes) -> bool:
    """Whether a number is written as it is shown, and not as `01`, `+1` or `1_000`."""
    return key.isdigit() and (key[0] != _ZERO or len(key) == 1)
