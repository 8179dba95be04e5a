"""read_files(glob, format => …, …): its options, checked."""

from __future__ import annotations

from pathlib import PurePosixPath

from workbench.language.definitions import Format, ReadFiles
from workbench.language.options import Options
from workbench.language.tokens import Text, Token, split

_KNOWN = ("format", "follow", "start", "schema", "idle_timeout", "csv")
_ENDINGS: dict[str, Format] = {
    ".json": "json",
    ".ndjson": "json",
    ".jsonl": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "text",
    ".log": "text",
    ".parquet": "parquet",
}


def read_files(text: Text, name: Token, inside: list[Token]) -> ReadFiles:
    """The source that the arguments describe.

    Raises:
        PipelineError: every wrong argument at once.
    """
    parts = split(inside)
    if not parts or len(parts[0]) != 1 or parts[0][0].kind != "string":
        raise text.mistake(name, "read_files needs a path first", "Write read_files('in/*.ndjson', format => 'json').")
    glob = parts[0][0]
    options = Options(text, name, parts[1:], _KNOWN)
    if not glob.text.strip():
        options.wrong(glob, "the path is empty", "Write a path or a pattern, such as 'in/*.ndjson'.")
    start = options.one_of("start", ("beginning", "end"), {"earliest": "beginning", "latest": "end"})
    source = ReadFiles(
        glob.text,
        options.format(_by_ending(options, glob)),
        options.truth("follow", True, "Write follow => false to read what is there and end."),
        "end" if start == "end" else "beginning",
        options.schema(),
        _csv(options, glob),
        options.seconds("idle_timeout"),
    )
    options.finish()
    return source


def _by_ending(options: Options, glob: Token) -> Format:
    path = PurePosixPath(glob.text.lower())
    if path.suffix in (".gz", ".zst"):
        path = path.with_suffix("")
    if path.suffix not in _ENDINGS and "format" not in options.given:
        options.wrong(glob, "the path does not tell the format", "Write format => 'json' (or 'csv', 'text', 'parquet').")
    return _ENDINGS.get(path.suffix, "json")


def _csv(options: Options, glob: Token) -> tuple[tuple[str, str], ...]:
    out = dict(options.csv())
    if glob.text.lower().removesuffix(".gz").removesuffix(".zst").endswith(".tsv"):
        out.setdefault("delimiter", "\t")
    return tuple(out.items())
