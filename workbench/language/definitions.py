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
    idle_timeout: float | None = None
    """Seconds without news after which the source no longer holds a watermark; None: the setting `idle_timeout`."""

    @property
    def label(self) -> str:
        return f"read_files {self.glob}"


@dataclass(frozen=True, slots=True)
class ReadSocket:
    """STREAM read_socket(url, …).

    `url`: tcp://host:port, udp://host:port, unix:///path (stream) or unixgram:///path (datagrams). `max_line` in bytes.
    `spool`: the most bytes that are kept before they are parsed; None: the default.
    """

    url: str
    format: Format
    mode: Literal["listen", "connect"] = "listen"
    framing: Literal["newline", "octet", "nul"] = "newline"
    schema: tuple[Column, ...] | None = None
    options: tuple[tuple[str, str], ...] = ()
    idle_timeout: float | None = None
    max_line: int | None = None
    spool: int | None = None

    @property
    def label(self) -> str:
        return f"read_socket {self.url}"


@dataclass(frozen=True, slots=True)
class ReadStdin:
    """STREAM read_stdin(…): what is piped into the command; its end is the end of the stream."""

    format: Format
    schema: tuple[Column, ...] | None = None
    options: tuple[tuple[str, str], ...] = ()
    idle_timeout: float | None = None

    @property
    def label(self) -> str:
        return "read_stdin"


@dataclass(frozen=True, slots=True)
class ReadRate:
    """STREAM read_rate(rowsPerSecond => n): a clock that counts. Its columns: timestamp TIMESTAMPTZ, value BIGINT."""

    rows_per_second: int
    rows: int | None = None
    """Where it ends; None: never."""
    idle_timeout: float | None = None

    @property
    def label(self) -> str:
        return f"read_rate {self.rows_per_second}/s"

    @property
    def format(self) -> Format:
        """Its rows come typed, as Parquet's do."""
        return "parquet"

    @property
    def schema(self) -> tuple[Column, ...]:
        return (Column("timestamp", "TIMESTAMP WITH TIME ZONE"), Column("value", "BIGINT"))

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        return ()


@dataclass(frozen=True, slots=True)
class StreamRef:
    """STREAM name: another streaming table."""

    name: str


SourceSpec = ReadFiles | ReadSocket | ReadStdin | ReadRate
"""A source of the outside world."""


@dataclass(frozen=True, slots=True)
class IntervalJoin:
    """A join of two streams whose rows lie near each other in time; the flow's `source` is the left one.

    A pair is looked at when `low` <= right time - left time <= `high` (microseconds). `left_delay`, `right_delay`:
    of their watermarks. The flow's SELECT reads `_input` (left rows, as ever) and `_right` (columns of the right stream, and `_row`),
    and gives the latter's `_row` as `_k0`.
    """

    right: str
    left_time: str
    right_time: str
    left_delay: int
    right_delay: int
    low: int
    high: int
    left_columns: tuple[str, ...] = ()
    right_columns: tuple[str, ...] = ()
    """Lower-case names that the SELECT may mean as columns, some of them no columns of that stream; empty: all."""
    equal: tuple[tuple[str, str], ...] = ()
    """Columns of the left and of the right that are equal in every pair, in lower case; not all conditions are of this kind."""


@dataclass(frozen=True, slots=True)
class Distinct:
    """SELECT DISTINCT ON (keys) … WITHIN INTERVAL: the first row of a key, and none of that key within `within` microseconds of a kept one.

    `keys` are SQL expressions over the columns of the stream; `time` is one of its columns, `delay` its watermark's. The
    flow's SELECT gives the keys as `_k0`… and the time as `_p0`.
    """

    keys: tuple[str, ...]
    time: str
    delay: int
    within: int


@dataclass(frozen=True, slots=True)
class FlowQuery:
    """The SELECT of a flow, ready for DuckDB.

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
    join: IntervalJoin | None = None
    distinct: Distinct | None = None
    extra: tuple[str, ...] = ()
    """Columns that `sql` gives after the table's, for the runtime alone (of a join, of DISTINCT ON)."""


@dataclass(frozen=True, slots=True)
class StreamingTable:
    """CREATE STREAMING TABLE: append-only; each record of its source is processed once."""

    name: str
    columns: tuple[Column, ...]
    """Declared columns; empty when the SELECT decides."""
    expectations: tuple[Expectation, ...]
    comment: str
    source: SourceSpec | StreamRef | None
    """None: only flows write into it (CREATE FLOW)."""
    query: FlowQuery | None
    text: str
    """The statement as written."""
    digest: str
    """Hash of everything that can change its answer; comments and blanks do not."""
    span: Span
    body: Span
    """Of the query inside the statement, to map DuckDB's error positions back."""


@dataclass(frozen=True, slots=True)
class InsertFlow:
    """CREATE FLOW name AS INSERT INTO table BY NAME SELECT …: one more source of a streaming table.

    Its columns go to the table's of the same name; the table's others are NULL. The table's expectations judge its rows.
    """

    name: str
    table: str
    source: SourceSpec | StreamRef
    query: FlowQuery
    comment: str
    text: str
    digest: str
    span: Span
    body: Span


@dataclass(frozen=True, slots=True)
class EventWindow:
    """The window of a running state over event time, with its watermark.

    `time` is a column of the stream; all lengths are microseconds. `key` is the index of the state's key that holds
    the window's start, None when the state has a watermark but no window. `kind`: a tumbling window has `slide` =
    `size`; a hopping one begins every `slide`; a session ends `size` after its last row.
    `on_late`: what becomes of late rows: listed in `workbench.late`, taken in all the same, or left out; counted in each case.
    """

    time: str
    size: int
    delay: int
    key: int | None
    kind: Literal["tumbling", "hopping", "session"] = "tumbling"
    slide: int = 0
    on_late: Literal["list", "update", "drop"] = "list"


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
    extras: tuple[Column, ...] = ()
    """Columns that `_delta` and `_rows` have besides the stream's: `_wb_window` (start of a hopping window: a row once for each of
    them), `_wb_late`; of sessions `_wb_time` (microseconds), `_wb_bound` (where a session must have ended to be closed), `_wb_place`."""
    count: int = -1
    """The partial aggregate that counts the rows of a window, those that came late left out; -1 without a window that closes."""
    sessions: str = ""
    """Reads `_state` and gives one row a session: `_key` (JSON of the other keys), `_start`, `_last` (microseconds), `_rows`."""


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

    kind: Literal["streaming table", "flow", "materialized view", "temporary view"]
    name: str
    if_exists: bool
    span: Span


Definition = StreamingTable | InsertFlow | MaterializedView | TemporaryView
Statement = Definition | Refresh | Drop


@dataclass(frozen=True, slots=True)
class Graph:
    """All definitions of a project, each after everything that it reads."""

    definitions: tuple[Definition, ...]

    def get(self, name: str) -> Definition | None:
        """The definition of that name, letter case aside."""
        return next((d for d in self.definitions if d.name.lower() == name.lower()), None)
