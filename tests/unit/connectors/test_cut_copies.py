"""What is known of a copy that lacks the end of what was read: all its bytes, or it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.connectors.conftest import Reader
from tests.unit.connectors.test_following import add, everything, lines, numbers
from workbench.connectors.files.kinship import Resemblance
from workbench.connectors.files.source import FileSource
from workbench.connectors.identity import HEAD, Evidence, Identity
from workbench.connectors.steps import MOST, NO_STEPS, Steps


class Bytes:
    """A content in memory."""

    packed, trouble = False, ""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def peek(self, position: int, length: int) -> bytes:
        return self._data[position : position + length]


def resembles(data: bytes) -> Resemblance:
    return Resemblance(Bytes(data))  # type: ignore[arg-type]


def read(data: bytes) -> Identity:
    """What is known after that was read, also from the mark."""
    content = Bytes(data)
    identity = Identity(1, 2).grown(content.peek, len(data)).halved(content.peek, len(data))
    assert Identity.from_mark(identity.mark()) == identity
    return identity


# -- steps


def test_steps_know_every_beginning_that_ends_with_a_line() -> None:
    data = lines(0, 20)
    steps = Steps.of(data)
    for end in range(1, len(data)):
        whole = data.count(b"\n", 0, end)
        assert steps.know(data[:end]) == (True if whole else None)
        assert steps.know(b"x" + data[:end]) == (False if whole else None)
    assert steps.know(data + b"more\n") is False


def test_steps_are_of_the_newest_lines_and_bounded() -> None:
    data = b"x\n" * (HEAD // 2)
    steps = Steps.of(data)
    assert steps.before == HEAD // 2 - MOST
    assert steps.know(data[: 2 * steps.before]) is None
    assert steps.know(data[: 2 * steps.before + 2]) is True
    assert Steps.of(b"half a line") == NO_STEPS
    assert len(read(data * 9).mark()) < 500


# -- small files


@pytest.mark.parametrize("header", [b"", b"n,pad\n", b"# a\n# b\n"])
def test_a_small_file_is_a_cut_copy_only_where_it_is_known_to_its_end(header: bytes) -> None:
    original = header + lines(0, 12)
    identity = read(original)
    for end in range(1, len(original)):
        known = original.count(b"\n", 0, end)
        assert resembles(original[:end]).cut_short(identity) == (known > 1 or (known == 1 and original[end - 1 : end] == b"\n"))
    for end in range(len(header), len(original)):
        stranger = original[:end] + b"another line\n"
        assert not resembles(stranger).cut_short(identity)


@pytest.mark.parametrize("size", [HEAD + 1, 1300, 1500, 2048, 3000, 5000, 40_000])
def test_the_end_of_a_larger_file_is_known_too(size: int) -> None:
    """Whatever it begins with; what lacks more than a tail is told by head and middle, which have more than the first line."""
    header = b"n," + b"wide," * (size // 8) + b"pad\n"
    original = header + lines(0, (size - len(header)) // 8)
    identity = read(original)
    for lines_less in range(1, 30):
        cut = original[: len(original) - sum(len(line) + 1 for line in original.split(b"\n")[-1 - lines_less : -1])]
        if len(cut) > max(HEAD, len(header)):
            assert resembles(cut).cut_short(identity)
            assert not resembles(cut[:-9] + b"*" * 8 + b"\n").cut_short(identity)
    assert not resembles(header + b"another line\n").cut_short(identity)


def test_a_mark_of_an_older_database_is_understood() -> None:
    """Of a small file it tells too little to pass a cut copy over; of a large one as much as before."""
    for count, known in ((12, False), (400, True)):
        original = lines(0, count)
        mark = read(original).mark()
        older = mark[: mark.index(',"steps"')] + "}"
        identity = Identity.from_mark(older)
        assert identity.steps == NO_STEPS
        assert identity.mark() == older
        assert resembles(original).holds(identity)
        assert resembles(lines(0, count - 2)).cut_short(identity) is known


def test_a_rewind_takes_back_what_was_known() -> None:
    stored, identity = read(lines(0, 3)), read(lines(0, 9))
    assert identity.rewound(stored) == stored
    assert identity.rewound(Identity(1, 2)).tail == Evidence()


# -- from file to file


def test_a_shorter_file_that_begins_alike_is_read(reader: Reader, tmp_path: Path) -> None:
    """Less than half of a small file is the same in both."""
    log = tmp_path / "app.log"
    log.write_bytes(b"# begins alike\n" + lines(0, 3))
    source = reader.source("app.log*")
    assert len(everything(reader, source)) == 4
    log.write_bytes(b"")
    (tmp_path / "app.log.1").write_bytes(b"# begins alike\n" + lines(7, 8))
    assert everything(reader, source) == [b"# begins alike", *numbers(7, 8)]


def cut_copy(reader: Reader, tmp_path: Path) -> FileSource:
    """Of what was read, 13 lines; 10 of them are stored, and 12 are in the copy."""
    log, copy = tmp_path / "app.log", tmp_path / "app.log.1"
    log.write_bytes(lines(0, 10))
    source = reader.source("app.log*")
    assert everything(reader, source) == numbers(0, 10)
    add(log, lines(10, 12))
    copy.write_bytes(log.read_bytes())
    add(log, lines(12, 13))
    assert reader.take(source, commit=False) == numbers(10, 13)
    log.write_bytes(b"")
    for _ in range(3):
        assert reader.take(source) == []
        reader.now += 3
    assert source.undecided
    return source


def test_a_cut_copy_of_what_is_not_stored_yet_waits(reader: Reader, tmp_path: Path) -> None:
    source = cut_copy(reader, tmp_path)
    reader.commit(source, next(raw.offset for raw in reversed(reader.batches) if raw.length))
    assert everything(reader, source) == []
    assert source.idle
    assert source.notices()[-1] == "app.log.1 is a copy of what was read of app.log: it is not read again"


def test_a_cut_copy_of_what_is_never_stored_is_read(reader: Reader, tmp_path: Path) -> None:
    source = cut_copy(reader, tmp_path)
    source.rewind()
    assert everything(reader, source)[-2:] == numbers(10, 12)
    assert source.idle


def test_a_rewind_before_the_truncation_was_seen(reader: Reader, tmp_path: Path) -> None:
    """The copy goes on where the stored offset stands."""
    log, copy = tmp_path / "app.log", tmp_path / "app.log.1"
    log.write_bytes(lines(0, 10))
    source = reader.source("app.log*")
    assert everything(reader, source) == numbers(0, 10)
    add(log, lines(10, 12))
    copy.write_bytes(log.read_bytes())
    add(log, lines(12, 13))
    assert reader.take(source, commit=False) == numbers(10, 13)
    log.write_bytes(b"")
    source.rewind()
    assert everything(reader, source) == numbers(10, 12)
    assert source.idle
