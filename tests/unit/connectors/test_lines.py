"""Where lines end, as the connector finds them on behalf of the decoder."""

from __future__ import annotations

import mmap

import pytest

from workbench.connectors.lines import Lines


def cut(lines: Lines, data: bytes, longest: int = 1 << 20) -> tuple[int, int, list[int]]:
    with mmap.mmap(-1, 4096) as memory:
        memory[: len(data)] = data
        found = lines.cut(memory, len(data), False, longest)
    assert found.starts is not None
    return found.length, found.records, found.starts.tolist()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", (0, 0, [0])),
        (b"half", (0, 0, [0])),
        (b"\n", (1, 1, [0, 1])),
        (b"one\n\ntwo\nhalf", (9, 3, [0, 4, 5, 9])),
    ],
)
def test_every_newline_ends_a_line_and_what_follows_the_last_one_is_left(data: bytes, expected: tuple[int, int, list[int]]) -> None:
    assert cut(Lines(), data) == expected


def test_it_ends_before_a_line_that_is_too_long() -> None:
    assert cut(Lines(), b"one\n" + b"x" * 50 + b"\ntwo\n", longest=20) == (4, 1, [0, 4])


def test_what_was_found_stays_when_the_next_chunk_is_cut() -> None:
    lines = Lines()
    with mmap.mmap(-1, 4096) as memory:
        memory[:4] = b"a\nb\n"
        first = lines.cut(memory, 4, False, 100)
        memory[:4] = b"cde\n"
        lines.cut(memory, 4, False, 100)
    assert first.starts is not None
    assert first.starts.tolist() == [0, 2, 4]
