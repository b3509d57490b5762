"""The lines of a CSV file in blocks of a few, each known by a hash.

A block ends behind a line whose own checksum says so. So lines that come, go or change move few
other blocks' ends, and most blocks of a file are those of its last version.

Blocks that were read together are known by another hash, of all their bytes: where the file still
has these, nothing has to be split into lines.
"""

from __future__ import annotations

import operator
import os
import struct
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import accumulate, islice, pairwise
from typing import BinaryIO, NamedTuple, TypeAlias
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
"""How many blocks on one is looked for at least; beyond, the two files have little in common."""
_WINDOW = 1 << 14
"""How many more are kept at hand, so that they are seldom looked up anew."""
_UNKNOWN = -1
"""The place of a block that was not applied before."""
_CHUNK = 1 << 16
"""Bytes that are read at once."""
_PATIENCE = 8
"""So many chunks in a row that are not those of the last version, and no more are looked for."""
_KNOWN = struct.Struct(f"<QII{_DIGEST}s")
"""A chunk, as it is noted."""
_ZERO = ord("0")

Key: TypeAlias = bytes | int
"""As the lines are ordered: numbers by their size, texts by their bytes."""
Range: TypeAlias = tuple[int, int]
"""From one byte of a file up to another one."""


class Unordered(Exception):  # no failure: the file is staged as a whole
    """Keys do not ascend, or are not told by how they look."""


class Hashes(Struct, frozen=True, kw_only=True):
    """What is noted of a file that was applied."""

    blocks: bytes
    """The hashes of its blocks, in order."""
    chunks: bytes
    """Its chunks as `_KNOWN`."""


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


class _Chunk(NamedTuple):
    """Blocks that were read together."""

    size: int
    """Bytes."""
    blocks: int
    lines: int
    digest: bytes
    """Of all bytes."""


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

    def read(self, applied: Hashes | None = None) -> None:
        """Begin to read, unless that has begun; `applied` is what was noted of the last version."""
        if self._reading is None:
            self._reading = Background(lambda: self._read(applied))

    @property
    def hashes(self) -> Hashes | None:
        """What is to be noted, once the file is read; None where a key may stand there twice."""
        blocks = self._blocks()
        if blocks is None:
            return None
        return Hashes(blocks=bytes(blocks.digests), chunks=bytes(blocks.chunks))

    def choose(self, looked_at: Iterable[str], *, entries: int, missing: Sequence[str]) -> None:
        """Have only a part of the file staged: blocks that are new, and the lines of these keys.

        Where a key may stand there twice it is staged as a whole.
        """
        blocks = self._blocks()
        if blocks is None:
            return
        try:
            with self._source.path.open("rb") as file:
                lines = blocks.lines_of(file, looked_at)
        except (Unordered, OSError):  # it has changed since; who copies it says so
            return
        more = [each for each in lines if not _within(each, blocks.sent)]
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

    def _read(self, applied: Hashes | None) -> _Blocks | None:
        # A file whose keys were all looked at may be in any order.
        blocks = _Blocks(
            applied, key=self._key, numeric=self._numeric, ordered=not self._source.unique
        )
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

    def __init__(self, applied: Hashes | None, *, key: int, numeric: bool, ordered: bool) -> None:
        self._applied = applied.blocks if applied else b""
        self._next = 0
        """Where in `_applied` the next block is expected."""
        self._ahead: dict[bytes, int] = {}
        """Where the blocks from there on are, up to ..."""
        self._ahead_to = 0
        self._chunks: dict[int, _Chunk] = {}
        """The chunks of the last version, by where in `_applied` their first blocks are."""
        self._failures = 0
        place = 0
        for chunk in map(_Chunk._make, _KNOWN.iter_unpack(applied.chunks if applied else b"")):
            self._chunks[place] = chunk
            place += chunk.blocks * _DIGEST
        self._key = key
        self._numeric = numeric
        self._ordered = ordered
        """Whether keys have to ascend: else they are known to be distinct."""
        self._last: Key | None = None
        self.digests = bytearray()
        self.chunks = bytearray()
        self.sent: list[Range] = []
        """Blocks that were not applied before."""
        self.lines_sent = self.lines = 0
        self.first = self.end = 0
        """Where the first line begins, and where the last one ends."""

    def read(self, file: BinaryIO) -> None:
        """Raises Unordered and OSError."""
        self.first = at = len(file.readline())
        self.end = os.fstat(file.fileno()).st_size
        while at < self.end:
            at = self._pass_by(file, at) or self._look_at(file, at)

    def _pass_by(self, file: BinaryIO, at: int) -> int:
        """Pass by the chunk that is expected, if it is there; returns where it ends, or 0."""
        chunk = self._chunks.get(self._next)
        if chunk is None:
            return 0
        file.seek(at)
        data = file.read(chunk.size)
        # Of a last line without an end, what stands here may be the beginning.
        whole = data.endswith(b"\n") or at + chunk.size == self.end
        if not whole or _digest(data) != chunk.digest:
            self._failures += 1
            if self._failures == _PATIENCE:
                self._chunks.clear()
            return 0
        self._failures = 0
        last = data.removesuffix(b"\n").rpartition(b"\n")[2]
        self._require_between(self._keys([data.partition(b"\n")[0]]), self._keys([last]))
        before, self._next = self._next, self._next + chunk.blocks * _DIGEST
        self._note(chunk, self._applied[before : self._next])
        return at + chunk.size

    def _look_at(self, file: BinaryIO, at: int) -> int:
        """Look at the next blocks; returns where they end."""
        data, lines, bounds = self._some(file, at)
        texts = [b"\n".join(lines[n:m]) for n, m in pairwise(bounds)]
        digests = list(map(_digest, texts))
        found = self._find(digests) if self._applied else [_UNKNOWN] * len(digests)
        # No further than to where a chunk of the last version begins, which may be passed by.
        begin = (n for n, each in enumerate(found) if n and each in self._chunks)
        number = next(begin, len(found)) if self._chunks else len(found)
        found, bounds = found[:number], bounds[: number + 1]
        self._next = max(self._next, max(found) + _DIGEST)
        lengths = list(accumulate(map(len, texts[:number]), initial=at))
        self._compare(lines, bounds, found, lengths)
        size = min(lengths[-1] + number, self.end) - at
        chunk = _Chunk(size, number, bounds[-1], _digest(data[:size]))
        self._note(chunk, b"".join(digests[:number]))
        return at + size

    def _some(self, file: BinaryIO, at: int) -> tuple[bytes, list[bytes], list[int]]:
        """What stands there, its lines, and the bounds of at least one block."""
        file.seek(at)
        data, bounds = b"", [0]
        while len(bounds) == 1:
            more = file.read(max(_CHUNK, len(data)))
            data += more
            ended = at + len(data) >= self.end
            if not more and not ended:  # it has become shorter
                raise Unordered
            lines = data.split(b"\n")
            if not ended or not lines[-1]:
                lines.pop()
            bounds = _bounds(lines, ended=ended)
        return data, lines, bounds

    def _find(self, digests: Sequence[bytes]) -> list[int]:
        """Where these blocks are in `_applied`."""
        end = min(self._next + (len(digests) + _AHEAD) * _DIGEST, len(self._applied))
        if end > self._ahead_to:
            self._ahead_to = min(end + _WINDOW * _DIGEST, len(self._applied))
            places = range(self._next, self._ahead_to, _DIGEST)
            self._ahead = {self._applied[n : n + _DIGEST]: n for n in places}
        return [self._ahead.get(each, _UNKNOWN) for each in digests]

    def _compare(
        self,
        lines: Sequence[bytes],
        bounds: Sequence[int],
        found: Sequence[int],
        places: Sequence[int],
    ) -> None:
        """Have blocks sent that are nowhere in the last version.

        `places` is where they begin, but for the ends of the blocks before, a byte each.
        Raises Unordered where keys do not ascend; of blocks as they were there, they do.
        """
        if not self._applied:
            keys = self._keys(lines[: bounds[-1]])
            self._require_ascending(keys)
            self._require_between(keys[:1], keys[-1:])
            return
        for n in [n for n, place in enumerate(found) if place == _UNKNOWN]:
            self._require_ascending(self._keys(lines[bounds[n] : bounds[n + 1]]))
            self.lines_sent += bounds[n + 1] - bounds[n]
            start, end = places[n] + n, min(places[n + 1] + n + 1, self.end)
            if self.sent and self.sent[-1][1] == start:
                start = self.sent.pop()[0]
            self.sent.append((start, end))
        follow = enumerate(pairwise(found), 1)
        parted = [bounds[n] for n, (a, b) in follow if b != a + _DIGEST or a == _UNKNOWN]
        self._require_between(
            self._keys([lines[n] for n in (0, *parted)]),
            self._keys([lines[n - 1] for n in (*parted, bounds[-1])]),
        )

    def _note(self, chunk: _Chunk, digests: bytes) -> None:
        self.digests += digests
        self.chunks += _KNOWN.pack(*chunk)
        self.lines += chunk.lines

    def _require_between(self, firsts: Sequence[Key], lasts: Sequence[Key]) -> None:
        """Parts of the file ascend by their first and last keys."""
        before = lasts if self._last is None else [self._last, *lasts]
        after = firsts[1:] if self._last is None else firsts
        if self._ordered and not all(map(operator.lt, before, after)):
            raise Unordered
        self._last = lasts[-1]

    def _require_ascending(self, keys: Sequence[Key]) -> None:
        if self._ordered and not all(map(operator.lt, keys, islice(keys, 1, None))):
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

    def lines_of(self, file: BinaryIO, keys: Iterable[str]) -> list[Range]:
        """Where the lines of these keys are; of some there may be none."""
        if self._ordered:
            lines = [self._line_of(file, key) for key in keys]
            return [each for each in lines if each is not None]
        wanted = set(map(self._wanted, keys))
        found: list[Range] = []
        file.seek(at := self.first)
        while wanted and (read := file.readlines(_CHUNK)):
            for line, key in zip(
                read, self._keys([each.rstrip(b"\n") for each in read]), strict=True
            ):
                if key in wanted:
                    found.append((at, at + len(line)))
                at += len(line)
        return found

    def _wanted(self, key: str) -> Key:
        return int(key) if self._numeric else key.encode()

    def _line_of(self, file: BinaryIO, key: str) -> Range | None:
        """Where the line of a key is, found by halves."""
        wanted = self._wanted(key)

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


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=_DIGEST).digest()


def _bounds(lines: Sequence[bytes], *, ended: bool) -> list[int]:
    """Numbers of the lines between blocks, from 0; the last lines may lack their block's end."""
    bounds = [0]
    ends = [number for number, each in enumerate(map(adler32, lines), 1) if not each % _ENDS]
    for end in (*ends, len(lines) + 1):
        bounds.extend(range(bounds[-1] + _MOST, end, _MOST))
        bounds.append(end)
    bounds.pop()  # no line is there
    if ended and bounds[-1] < len(lines):
        bounds.append(len(lines))
    return bounds


def _within(line: Range, ranges: Sequence[Range]) -> bool:
    place = bisect_left(ranges, (line[0] + 1, 0)) - 1
    return place >= 0 and line[0] < ranges[place][1]


def _is_plain_number(key: bytes) -> bool:
    """Whether a number is written as it is shown, and not as `01`, `+1` or `1_000`."""
    return key.isdigit() and (key[0] != _ZERO or len(key) == 1)
