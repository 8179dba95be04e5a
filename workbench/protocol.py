"""What crosses the wire between engine and clients: frozen dataclasses, JSON both ways, used by both ends."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

PROTOCOL = 2
"""Raised whenever a message changes its meaning; client and engine must agree."""

T = TypeVar("T")

StreamState = Literal["RUN", "LAG", "PAUSE", "STOP", "FAIL", "WAIT", "DONE"]
Slow = Literal["", "source", "decode", "commit", "disk", "limit"]
Action = Literal["pause", "resume", "stop", "rewind", "end", "limit", "column"]
DriftKind = Literal["new", "vanished", "retyped"]
RunState = Literal["waiting", "running", "done", "failed", "cancelled"]
QueryState = Literal["running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Hello:
    """The first thing that is exchanged. Times are seconds since 1970.

    `reads` is False of a short-lived engine, which serves commands, reads no source and ends with the last of them.
    """

    version: str
    protocol: int
    pid: int
    project: str
    root: str
    started_at: float
    reads: bool = True


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One streaming table, now.

    `rate` rows/s over the last seconds; `spark` rows per bucket of 60 s, oldest first (60 values, 1 s each);
    `queue` 0…1 how full its decoded queue is; counts are since the beginning of the table.
    `detail` says in words why it waits or failed.
    """

    name: str
    state: StreamState
    rate: float
    spark: tuple[float, ...]
    lag_seconds: float
    lag_rows: int
    queue: float
    rows_in: int
    accepted: int
    rejected: int
    filtered: int
    blank: int
    rejected_recently: int = 0
    """In the last 5 minutes."""
    detail: str = ""
    source: str = ""
    offset: int = 0
    """Decompressed bytes committed."""
    commit: int = 0
    views: tuple[str, ...] = ()
    """Running states over it."""
    flows: tuple[FlowStatus, ...] = ()
    """Each of its sources."""
    lag_bytes: int = 0
    catch_up: float | None = None
    """Seconds until nothing is unread, at the rate of the last seconds; None when it is not behind, or not getting nearer."""
    watched: bool = True
    """It is behind for long enough to tell whether it gets nearer."""
    slow: Slow = ""
    """Who it waits for while it is behind: the source, decoding, the commit, the disk, or its own rate limit."""
    queue_bytes: int = 0
    queue_limit: int = 0


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """One source of a streaming table, now. `held`: bytes received and kept until they are committed (sockets, stdin), of at most
    `hold_limit`; `dropped`: records that were lost before they could be kept (UDP), `dropped_by_kernel` of them by the kernel; `peers`:
    senders connected now; `limit`: rows/s asked for, None without one; `event_time`: the newest committed, `watermark_idle`: it holds no
    watermark now.
    """

    name: str
    source: str
    state: StreamState
    rate: float = 0.0
    lag_seconds: float = 0.0
    lag_rows: int = 0
    lag_bytes: int = 0
    rows_in: int = 0
    accepted: int = 0
    rejected: int = 0
    held: int = 0
    hold_limit: int = 0
    dropped: int = 0
    dropped_by_kernel: int = 0
    peers: int = 0
    limit: float | None = None
    event_time: float | None = None
    watermark_idle: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """A running state (or a join, or a deduplication) and its event time. Times are event time, seconds since 1970.

    `kind`: tumbling, hopping, session, groups, join, distinct. `open_windows`, `closed_windows`, `late` are counts since it was built;
    `on_late`: list, update or drop. `state_rows`, `state_bytes`: what it keeps; `expires`: in words, when that is let go.
    """

    name: str
    stream: str
    kind: str
    watermark: float | None
    open_windows: int = 0
    closed_windows: int = 0
    late: int = 0
    on_late: str = "list"
    state_rows: int = 0
    state_bytes: int = 0
    expires: str = ""
    waits_for: tuple[str, ...] = ()
    """Sources that hold the watermark back."""


@dataclass(frozen=True, slots=True)
class DriftStatus:
    """A field that no longer fits the columns: new, vanished or of another type. `type`: the column that would hold it;
    `sample`: a line that has it; `addable`: `add_column` can do it."""

    stream: str
    field: str
    kind: DriftKind
    type: str
    sample: str
    count: int
    at: float
    addable: bool = True


@dataclass(frozen=True, slots=True)
class ControlPlan:
    """What a command on a stream would do, said before it is done. `says`: sentences for the user; `possible`: False when it cannot be
    done, `says` then tells why; `token`: to be given back with the command, so that what was shown is what is done; `already`: nothing
    has to be done, since all is as the command asks."""

    stream: str
    action: Action
    says: tuple[str, ...]
    possible: bool = True
    token: str = ""
    already: bool = False


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One run of a job (a refresh of a materialized view); `progress` 0…1 or None, durations in seconds."""

    id: int
    job: str
    state: RunState
    progress: float | None
    started_at: float
    seconds: float
    left: float | None = None
    rows: int | None = None
    error: str = ""
    cause: str = ""
    """Why it ran or waits: `update of orders`, `by hand`, `after #42`."""


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """One rule of one stream: how often it was broken.

    `spark`: 30 buckets of 10 s, oldest first; `recent` in those 5 minutes; `new`: first seen less than 5 minutes ago.
    `action` is mark, drop or fail; reserved rules drop.
    """

    stream: str
    rule: str
    action: str
    spark: tuple[int, ...]
    recent: int
    total: int
    share: float
    first_seen: float | None
    last_seen: float | None
    last_id: int | None = None
    new: bool = False
    predicate: str = ""


@dataclass(frozen=True, slots=True)
class ProblemStatus:
    """A mistake in the pipelines, shown while the old definition keeps running."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    text: str = ""
    width: int = 1


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened, worth a line: kind is info, warning or error."""

    id: int
    at: float
    kind: str
    text: str
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that the live panes show, as of one moment."""

    at: float
    commit: int
    streams: tuple[StreamStatus, ...]
    runs: tuple[RunStatus, ...]
    """Running first, then waiting, then the latest finished; at most 50."""
    rules: tuple[RuleStatus, ...]
    problems: tuple[ProblemStatus, ...]
    notices: tuple[Notice, ...]
    """The last 20."""
    datasets: tuple[Dataset, ...]
    rate: float
    cpu: float
    """Share of one core that the engine took lately, 1.0 = a whole core."""
    memory: int = 0
    """Bytes resident."""
    views: tuple[ViewStatus, ...] = ()
    drifts: tuple[DriftStatus, ...] = ()
    inputs: tuple[str, ...] = ()
    """Addresses, or `-`, that become tables with their first record."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One name that SQL can read. kind: streaming table, running state, materialized view, temporary view, file, system."""

    name: str
    kind: str
    comment: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    """(name, type) in order."""


@dataclass(frozen=True, slots=True)
class TailRow:
    """One record in the tail: `cells` are formatted, one a column; `rules` are the broken ones (empty: accepted).

    `dropped` is False for a row that was only marked. `raw` is the beginning of the line for a record without cells.
    """

    at: float
    line: int
    cells: tuple[str, ...]
    rules: tuple[str, ...] = ()
    dropped: bool = False
    raw: str = ""
    quarantine_id: int | None = None


@dataclass(frozen=True, slots=True)
class Tail:
    """The latest records of a stream, oldest first. `numeric[i]` says that column i is right-aligned.

    `matched` of `searched` records contain the filter (both 0 without one).
    """

    stream: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[TailRow, ...]
    total: int
    """Records since the table began; the difference of two tails is `+4,211 new`."""
    matched: int = 0
    searched: int = 0


@dataclass(frozen=True, slots=True)
class StateRow:
    """One group of a running state; `open`: its window is not closed; `amount` is the number that the bar shows."""

    cells: tuple[str, ...]
    open: bool
    changed: float = 0.0
    """Growth of `amount` since the last look of this client, 0.0 when none."""
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class StatePage:
    """The running state of a view: the newest windows first, or the largest groups. Times are event time."""

    view: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[StateRow, ...]
    groups: int
    keys: int
    """The first `keys` columns are keys."""
    watermark: float | None
    commit: int
    late: int
    amount: int = 0
    """Index of the column that the bar shows."""


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One rejected record, in a list."""

    id: int
    stream: str
    rules: tuple[str, ...]
    file: str
    line: int
    offset: int
    arrived_at: float
    preview: str
    """The beginning of the raw line, unprintable characters replaced."""


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """Rejected records, newest first."""

    rows: tuple[QuarantineRow, ...]
    total: int


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """One rule judged on one record: `broken` None means it could not be judged. `value` is what it saw."""

    rule: str
    broken: bool | None
    action: str
    value: str = ""
    predicate: str = ""
    field: str = ""
    """The column to point at; empty when there is none."""


@dataclass(frozen=True, slots=True)
class QuarantineDetail:
    """One rejected record with everything that is known. `raw` has unprintable bytes as \\xNN.

    `spans`: (start, stop, action) of the bad fields in `raw`, in characters.
    """

    row: QuarantineRow
    raw: str
    size: int
    commit: int
    committed_at: float
    state: str
    verdicts: tuple[RuleVerdict, ...]
    spans: tuple[tuple[int, int, str], ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class QueryStatus:
    """An ad-hoc query. `rows` so far; `progress` 0…1 or None; `position` of an error, characters from 0.

    `statement`: what the engine did when the text was a statement of the pipeline language (then there are no rows).
    """

    id: str
    sql: str
    state: QueryState
    seconds: float
    rows: int
    columns: tuple[tuple[str, str], ...]
    progress: float | None = None
    error: str = ""
    hint: str = ""
    position: int | None = None
    commit: int = 0
    truncated: bool = False
    """The result reached `result_limit`; `rows` is what was kept."""
    statement: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows `offset`… of a result, formatted; None is NULL."""

    offset: int
    rows: tuple[tuple[str | None, ...], ...]
    total: int
    complete: bool
    numeric: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command did, in words for the user."""

    text: str


def to_json(message: Any) -> Any:
    """A message as JSON-ready dicts and lists."""
    return dataclasses.asdict(message)


def from_json(kind: type[T], data: Any) -> T:
    """A message from JSON; unknown keys are ignored, so that a newer engine can add fields."""
    return typing.cast(T, _build(kind, data))


def _build(kind: Any, data: Any) -> Any:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _build(hint, data[name]) for name, hint in hints.items() if name in data})
    origin = typing.get_origin(kind)
    if origin is tuple:
        args = typing.get_args(kind)
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_build(args[0], item) for item in data)
        return tuple(_build(arg, item) for arg, item in zip(args, data, strict=True))
    if origin in (typing.Union, types.UnionType):
        return None if data is None else _build(next(a for a in typing.get_args(kind) if a is not type(None)), data)
    return data


_HINTS: dict[type, dict[str, Any]] = {}


def _hints(kind: type) -> dict[str, Any]:
    if kind not in _HINTS:
        _HINTS[kind] = typing.get_type_hints(kind)
    return _HINTS[kind]
