"""Which lines of a file are sent, where some of its blocks were applied before."""

from __future__ import annotations

import pytest

from seeder.database.ledger.runs.line_blocks import Known, Lines, Unordered

HEADER = b"note,code\n"


def file(keys: list[int], *, changed: frozenset[int] = frozenset()) -> bytes:
    """Lines of these keys, in the second field."""
    rows = (b"%s %d,%d\n" % (b"other" if n in changed else b"note", n, n) for n in keys)
    return HEADER + b"".join(rows)


def read(
    content: bytes, known: Known | None = None, *, size: int = 1000, numeric: bool = True
) -> tuple[Lines, bytes]:
    """What is noted of a file, and what is sent."""
    lines = Lines(key=1, numeric=numeric)
    lines.known = known
    lines.begin()
    parts = [content[n : n + size] for n in range(0, len(content), size)]
    sent = b"".join(map(lines.feed, parts)) + lines.feed(b"")
    assert lines.ended or not lines.ascends
    return lines, sent


def known(
    content: bytes, looked_at: tuple[str, ...] = (), *, size: int = 1000, numeric: bool = True
) -> Known:
    """What is known once the content was applied."""
    noted, sent = read(content, size=size, numeric=numeric)
    assert sent == content
    assert noted.ascends
    return Known(bytes(noted.blocks), looked_at, (), numeric=numeric)


@pytest.mark.parametrize("size", [7, 1000, 1 << 20])
def test_of_a_file_that_was_applied_its_header_alone_is_sent(size: int) -> None:
    content = file(list(range(5000)))
    lines, sent = read(content, known(content), size=size)
    assert sent == HEADER
    assert (lines.sent, lines.skipped) == (0, 5000)
    assert read(content.rstrip(b"\n"), known(content), size=size)[1] == HEADER


def test_lines_around_a_changed_one_are_sent_and_no_others() -> None:
    keys = list(range(5000))
    lines, sent = read(file(keys, changed=frozenset({2500})), known(file(keys)))
    assert b"\nother 2500,2500\n" in sent
    assert sent.count(b"\n") - 1 == lines.sent < 200
    assert lines.sent + lines.skipped == 5000


def test_lines_that_come_and_go_move_no_other_block() -> None:
    keys = list(range(0, 10_000, 2))
    more = sorted({*keys, 4001, 4003} - {8000})
    lines, sent = read(file(more), known(file(keys)))
    assert b"note 4001,4001\n" in sent
    assert lines.sent < 300


def test_lines_that_are_looked_at_are_sent_with_their_block() -> None:
    content = file(list(range(5000)))
    lines, sent = read(content, known(content, ("99", "4321", "70000")))
    assert b"note 99,99\n" in sent
    assert b"note 4321,4321\n" in sent
    assert lines.sent < 200


def test_a_block_is_skipped_once() -> None:
    content = file(list(range(1000)))
    with pytest.raises(Unordered):
        read(content + content.removeprefix(HEADER), known(content))


def test_a_key_that_stands_twice_is_not_skipped_over() -> None:
    content = file(list(range(1000)))
    with pytest.raises(Unordered):
        read(content + b"another,500\n", known(content))


def test_numbers_ascend_by_their_size_and_texts_as_they_are_written() -> None:
    content = file(list(range(5, 105)))
    assert read(content)[0].ascends
    assert not read(content, numeric=False)[0].ascends
    assert read(content, numeric=False)[1] == content


def test_a_file_whose_keys_do_not_ascend_is_sent_as_it_is_and_not_noted() -> None:
    content = file([3, 2, 1])
    lines, sent = read(content)
    assert sent == content
    assert not lines.ascends


def test_a_line_without_the_field_is_left_to_postgres() -> None:
    content = file([1, 2, 3]) + b"no comma\n"
    lines, sent = read(content)
    assert sent == content
    assert not lines.ascends


def test_lines_without_an_end_of_a_block_are_not_held_for_good() -> None:
    content = HEADER + b"".join(b"%d,%d\n" % (n, n) for n in range(100_000))
    lines, _ = read(content, size=1 << 20)
    assert len(lines.blocks) > 12 * 5000
