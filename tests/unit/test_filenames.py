"""Names of files as text: readable, unlike any other's, and the way back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.config import Settings, open_files
from workbench.engine.opened import pipeline_for
from workbench.filenames import meant, shown

PARTS = [b"a", b"\xff", b"\\", b"x", b"ff", b"\n", b"\xc3\xa9", b"\x80", b"\\xff", b"0a"]
names = st.lists(st.sampled_from(PARTS), max_size=8).map(b"".join)


@pytest.mark.parametrize(
    ("path", "name"),
    [(b"d/a.log", "d/a.log"), (b"x\xff.log", r"x\xff.log"), (b"x\\xff.log", r"x\\xff.log"), (b"\xc3\xa9\n", r"é\x0a"), (b"", "")],
)
def test_odd_bytes_are_written_out(path: bytes, name: str) -> None:
    assert shown(os.fsdecode(path)) == name


@given(names)
def test_the_way_back(name: bytes) -> None:
    path = os.fsdecode(name)
    assert meant(shown(path)) == path
    assert shown(path).isprintable()
    assert shown(path).encode().decode() == shown(path)


@given(names, names)
def test_no_two_are_shown_alike(one: bytes, other: bytes) -> None:
    assert (shown(os.fsdecode(one)) == shown(os.fsdecode(other))) == (one == other)


def test_a_backslash_that_escapes_nothing_is_one() -> None:
    assert meant(r"a\b\x0g") == r"a\b\x0g"


def test_a_file_with_an_odd_name_can_be_opened_by_it(tmp_path: Path) -> None:
    file = os.fsdecode(os.fsencode(tmp_path) + b"/n\xff.ndjson")
    project = open_files((file,), Settings())
    assert project.name == r"n\xff.ndjson"
    assert project.state != open_files((file.replace("\udcff", r"\xff"),), Settings()).state
    assert r"/n\xff.ndjson'" in pipeline_for(project.files)
