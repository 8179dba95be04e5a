"""The files behind a streaming table, opened where the last commit left them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from workbench.batch import MAX_LINE, Offset
from workbench.config import Project
from workbench.connectors.files import FileSource
from workbench.language.definitions import ReadFiles, StreamingTable


def open_files_source(
    project: Project, stream: str, source: ReadFiles, given: Sequence[tuple[str, str]], offsets: Sequence[Offset]
) -> FileSource:
    """The files of a read_files, from the committed offsets on; `given` are its format's options, inferred ones among them."""
    options = dict(given)
    return FileSource(
        stream,
        source.glob,
        source.format,
        follow=source.follow,
        start=source.start,
        root=project.root,
        header=options.get("header", "true") == "true",
        quote=options.get("quote", '"'),
        delimiter=options.get("delimiter", ","),
        offsets=offsets,
    )


def csv_header(root: Path, file: str, table: StreamingTable) -> bytes | None:
    """The header record of a CSV file that is still there, to tell the names of a record's fields."""
    source = table.source
    if not isinstance(source, ReadFiles) or source.format != "csv" or dict(source.options).get("header") == "false":
        return None
    try:
        with (root / file).open("rb") as content:
            return content.readline(MAX_LINE).removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n") or None
    except OSError:
        return None


def fixed_folder(root: Path, glob: str) -> Path:
    """The deepest folder of a glob that has no wildcard: what has to be watched."""
    path = root / glob
    while re.search(r"[*?\[]", str(path)) or not path.is_dir():
        if path == path.parent:
            return root
        path = path.parent
    return path
