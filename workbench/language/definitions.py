"""The nouns of a project, as the pipelines define them: frozen, and free of any database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["mark", "drop", "fail"]
Format = Literal["json", "csv", "text", "parquet"]


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a source text; `line` and `column` from 1, `start` and `stop` in characters from 0."""

    file: str
    line: int
    column: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column; `type` is DuckDB's name for it, upper case (`BIGINT`, `DECIMAL(18,2)`)."""

    name: str
    type: str
    not_null: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A rule that rows are judged by; a predicate that is NULL is broken."""

    name: str
    predicate: str
    action: Action
    span: Span


@dataclass(frozen=True, slots=True)
class ReadFiles:
    """STREAM read_files(glob, …).

    `schema` is the declared input, None when it is to be inferred. `options` are the format's own, in SQL spelling
    (CSV: delimiter, header, quote, nullstr).
    """

    glob: str
    format: Format
    follow: bool = True
    start: Literal["beginning", "end"] = "beginning"
    schema: tuple[Column, ...] | None = None
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StreamRef:
    """STREAM name: another streaming table."""

    name: str


@dataclass(frozen=True, slots=True)
class FlowQuery:
    """The SELECT of a streaming table, ready for DuckDB.

    `sql` reads the relation `_input`, which has the input columns, `_row BIGINT` (record number, 0-based in the
    batch) and `_metadata STRUCT(source, file, "offset", line, peer, arrived_at)`. Its first result column is `_row`,
    the others are the table's columns; stars do not expand to `_row` and `_metadata`. There is no ORDER BY.
    `identity` is True for a plain `SELECT * FROM STREAM s`: the SELECT can be skipped.
    `tables` are the plain tables that are joined in.
    """

    sql: str
    identity: bool
    tables: tuple[str, ...]
    uses_metadata: bool = False


@dataclass(frozen=True, slots=True)
class StreamingTable:
    """CREATE STREAMING TABLE: append-only; each record of its source is processed once."""

    name: str
    columns: tuple[Column, ...]
    """Declared columns; empty when the SELECT decides."""
    expectations: tuple[Expectation, ...]
    comment: str
    source: ReadFiles | StreamRef
    query: FlowQuery
    text: str
    """The statement as written."""
    digest: str
    """Hash of everything that can change its answer; comments and blanks do not."""
    span: Span
    body: Span
    """Of the query inside the statement, to map DuckDB's error positions back."""


@dataclass(frozen=True, slots=True)
class EventWindow:
    """window(time, size) in a running state, with its watermark.

    `time` is a column of the stream; `size` and `delay` are microseconds. `key` is the index of the state's key that
    holds the window's start, None when the state has a watermark but no window.
    """

    time: str
    size: int
    delay: int
    key: int | None


@dataclass(frozen=True, slots=True)
class RunningState:
    """How a materialized view over STREAM is kept: partial aggregates of each delta, appended and combined.

    `stream`: the streaming table it reads. `partial` reads `_delta` (the accepted rows of one commit that are not
    late, columns of the stream) and gives the state's columns `_k0…` (keys) and `_p0…` (partial aggregates), one row
    a group. `combine` reads `_state` (those columns and `_commit`) and gives one row a group, same columns without
    `_commit`. `finish` reads `_state` the same way and gives the view's columns, HAVING applied.
    `recompute` is the same query over the stored rows: it reads `_rows` (columns of the stream, late rows left out).
    """

    stream: str
    keys: int
    partials: int
    partial: str
    combine: str
    finish: str
    recompute: str
    window: EventWindow | None
    tables: tuple[str, ...] = ()
    key_columns: tuple[int, ...] = ()
    """For each key, the view's column that shows it; -1 when none does."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """TRIGGER ON UPDATE [AT MOST EVERY …]; `at_most_every` in seconds, 0.0 when not given."""

    at_most_every: float = 0.0


@dataclass(frozen=True, slots=True)
class MaterializedView:
    """CREATE MATERIALIZED VIEW: running state over a STREAM, else a stored result that is refreshed."""

    name: str
    columns: tuple[Column, ...]
    """Declared columns; empty when the query decides."""
    comment: str
    running: RunningState | None
    trigger: Trigger | None
    sql: str
    """DuckDB's spelling of the query (batch views)."""
    tables: tuple[str, ...]
    """Names of the project that it reads."""
    text: str
    digest: str
    span: Span
    body: Span


@dataclass(frozen=True, slots=True)
class TemporaryView:
    """CREATE TEMPORARY VIEW: a name for a query."""

    name: str
    sql: str
    tables: tuple[str, ...]
    text: str
    digest: str
    span: Span
    body: Span


@dataclass(frozen=True, slots=True)
class Refresh:
    """REFRESH [FULL] name."""

    name: str
    full: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Drop:
    """DROP STREAMING TABLE | MATERIALIZED VIEW | VIEW name."""

    kind: Literal["streaming table", "materialized view", "temporary view"]
    name: str
    if_exists: bool
    span: Span


Definition = StreamingTable | MaterializedView | TemporaryView
Statement = Definition | Refresh | Drop


@dataclass(frozen=True, slots=True)
class Graph:
    """All definitions of a project, each after everything that it reads."""

    definitions: tuple[Definition, ...]

    def get(self, name: str) -> Definition | None:
        """The definition of that name, letter case aside."""
        return next((d for d in self.definitions if d.name.lower() == name.lower()), None)
