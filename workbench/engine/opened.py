"""Files opened without a project: the pipeline that a user would have written for them."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import zstandard

from workbench.filenames import shown
from workbench.store.names import literal, quote

FORMATS = {
    ".ndjson": "json", ".jsonl": "json", ".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".txt": "text", ".log": "text",
}  # fmt: skip
PEEK = 4096


def pipeline_for(files: tuple[str, ...]) -> str:
    """Statements that follow each file or glob as a streaming table; Parquet files become views, queried in place."""
    taken: set[str] = set()
    statements = []
    for pattern in files:
        name, path = _name(pattern, taken), literal(shown(pattern))
        taken.add(name)
        kind = _format(pattern)
        if kind == "parquet":
            statements.append(f"CREATE TEMPORARY VIEW {quote(name)} AS SELECT * FROM read_parquet({path});")
        else:
            statements.append(
                f"CREATE STREAMING TABLE {quote(name)} AS SELECT * FROM STREAM read_files({path}, format => {literal(kind)});"
            )
    return "\n".join(statements)


def _name(pattern: str, taken: set[str]) -> str:
    path = Path(pattern)
    stem = re.sub(r"\W+", "_", path.name.split(".", 1)[0], flags=re.ASCII).strip("_").lower()
    if not stem:
        stem = re.sub(r"\W+", "_", path.parent.name, flags=re.ASCII).strip("_").lower() or "file"
    if stem[0].isdigit():
        stem = f"f_{stem}"
    number = 1
    name = stem
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    return name


def _format(pattern: str) -> str:
    """By its ending; else JSON where the content begins like it; else plain text."""
    path = Path(pattern)
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in (".gz", ".zst")]
    if suffixes and suffixes[-1] in FORMATS:
        known = FORMATS[suffixes[-1]]
        if known != "text":
            return known
    return "json" if _peek(path).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else "text"


def _peek(path: Path) -> bytes:
    """The first bytes, unpacked; nothing for a glob or a file that cannot be read now."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                return file.read(PEEK)
        if path.suffix == ".zst":
            with path.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as reader:
                return bytes(reader.read(PEEK))
        with path.open("rb") as plain:
            return plain.read(PEEK)
    except (OSError, EOFError, zstandard.ZstdError):
        return b""
