"""What a person looks at closely: filtered tails, running states, quarantine."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from workbench.engine.sources import csv_header
from workbench.errors import NotFound
from workbench.language.definitions import Column, RunningState, StreamingTable
from workbench.protocol import QuarantineDetail, QuarantinePage, QuarantineRow, StatePage, StateRow, Tail, TailRow
from workbench.store import format
from workbench.store.names import literal, public, quote, stored
from workbench.store.running import Progress
from workbench.store.session import Prepared, Session
from workbench.stream.explain import Decoders, explain
from workbench.stream.running import RunningView

SEARCHED = 200_000
"""Latest records that a filter looks through."""
PREVIEW = 200
LOOKS = 64
"""Clients and views whose last amounts are remembered, for Δ."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a running state is shown; it is the same as long as the view is. `names`, `numeric`: of its columns, keys first; `amount`,
    `window`: the places of the column that the bar shows and of the windows' starts, or -1; `sql` gives its rows, best first."""

    names: tuple[str, ...]
    numeric: tuple[bool, ...]
    keys: int
    amount: int
    window: int
    sql: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """The first rows of a running state as of a commit: most looks at it come when there was no other one since."""

    view: RunningView
    commit: int
    progress: Progress
    shape: _Shape
    cells: list[tuple[str, ...]]
    opened: list[bool]
    amounts: list[float]
    groups: int


class Inspector:
    """Answers the screen's questions on a session of its own, one at a time; never in the way of the writer."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._looks: OrderedDict[tuple[str, str], dict[tuple[str, ...], float]] = OrderedDict()
        self._seen: OrderedDict[tuple[str, int], _Seen] = OrderedDict()
        self._prepared: OrderedDict[tuple[str, int], tuple[_Shape, Prepared]] = OrderedDict()
        self._decoders = Decoders(session)

    def close(self) -> None:
        with self._lock:
            self._session.close()

    def search(self, table: StreamingTable, columns: tuple[str, ...], text: str, limit: int, total: int, commit: int) -> Tail:
        """The latest records of a stream that contain a text, letter case aside; rejected ones among them.

        Args:
            commit: the last one that is looked at; a newer one is not known to whoever asks.
        """
        name, needle = literal(table.name), literal(text.lower())
        shown = [c for c in columns if not c.startswith("_")]
        where = " OR ".join(f"contains(lower(t.{quote(c)}::VARCHAR), {needle})" for c in shown) or "false"
        marks = 't."_violations"' if "_violations" in columns else "NULL::VARCHAR[]"
        hit = f"TRY(contains(lower(decode(raw)), {needle}) OR contains(lower(rules::VARCHAR), {needle}))"
        with self._lock:
            top = self._one(f"SELECT coalesce(max(rowid), -1) + 1 FROM {stored(table.name)} WHERE _commit <= {commit}")
            low = max(0, top - SEARCHED)
            latest = f"FROM {stored(table.name)} t WHERE t.rowid BETWEEN {low} AND {top - 1}"
            first = self._one(f"SELECT coalesce(min(_commit), 0) {latest}")
            at = f'(SELECT epoch("at") FROM _system.commits k WHERE k.id = t._commit AND k.stream = {name} LIMIT 1)'
            cells = ", ".join(f"t.{quote(c)}" for c in shown)
            accepted = self._session.arrow(
                f"SELECT t._commit AS _c, t.rowid AS _r, {at} AS _at, {marks} AS _m, {cells} {latest} AND ({where})"
                f" ORDER BY t.rowid DESC LIMIT {limit}"
            )
            quarantine = f"FROM _system.quarantine WHERE stream = {name} AND _commit BETWEEN {first} AND {commit}"
            rejected = self._session.execute(
                f"SELECT _commit, id, epoch(arrived_at), rules, raw, line {quarantine} AND {hit} ORDER BY id DESC LIMIT {limit}"
            )
            matched = self._one(f"SELECT count(*) {latest} AND ({where})") + self._one(f"SELECT count(*) {quarantine} AND {hit}")
            searched = top - low + self._one(f"SELECT count(*) {quarantine}")
        plain = accepted.select(shown)
        found = [
            (c, r, TailRow(at, 0, tuple("" if cell is None else cell for cell in cells), tuple(m or ())))
            for c, r, at, m, cells in zip(
                *(accepted[k].to_pylist() for k in ("_c", "_r", "_at", "_m")), format.cells_of_rows(plain), strict=True
            )
        ]
        found += [(c, id, TailRow(at, line, (), tuple(rules), True, _preview(raw), id)) for c, id, at, rules, raw, line in rejected]
        rows = tuple(row for _, _, row in _in_order(found)[-limit:]) if limit else ()
        return Tail(table.name, tuple(shown), format.numeric_columns(plain.schema), rows, total, matched, searched)

    def state(self, view: RunningView, client: str, limit: int, commit: int) -> StatePage:
        """The newest windows, or the largest groups, of a running state, with their growth since this client's last look."""
        with self._lock:
            seen = self._seen.pop((view.name, limit), None)
            if seen is None or seen.view is not view or seen.commit != commit or seen.progress is not view.progress:
                shape = seen.shape if seen is not None and seen.view is view else self._shape(view)
                seen = self._see(view, shape, limit, commit)
            self._seen[(view.name, limit)] = seen
            while len(self._seen) > LOOKS:
                self._seen.popitem(last=False)
            keys = seen.shape.keys
            looked = self._look(client, view.name, {row[:keys]: amount for row, amount in zip(seen.cells, seen.amounts, strict=True)})
        rows = tuple(
            StateRow(row, is_open, amount - looked.get(row[:keys], amount if not looked else 0.0), amount)
            for row, is_open, amount in zip(seen.cells, seen.opened, seen.amounts, strict=True)
        )
        return StatePage(
            view.name, seen.shape.names, seen.shape.numeric, rows, seen.groups, keys, view.watermark, commit, view.late,
            max(seen.shape.amount, 0),
        )  # fmt: skip

    def _shape(self, view: RunningView) -> _Shape:
        names = [name for name, _ in self._session.describe(f"FROM {public(view.name)}")]
        keys = [c for c in view.state.key_columns if c >= 0]
        order = [*keys, *(i for i in range(len(names)) if i not in keys)]
        window = view.state.key_columns[view.state.window.key] if view.state.window and view.state.window.key is not None else -1
        selected = ", ".join(quote(names[i]) for i in order)
        types = self._session.arrow(f"SELECT {selected} FROM {public(view.name)} LIMIT 0").schema
        numeric = format.numeric_columns(types)
        amount = _amount(order, len(keys), numeric, types)
        ordering = [f"{quote(names[window])} DESC NULLS LAST"] if window >= 0 else []
        ordering += [f"{amount + 1} DESC NULLS LAST"] if amount >= 0 else []
        by = f" ORDER BY {', '.join(ordering)}" if ordering else ""
        known = _session_key(view.state, names)
        sql = f"SELECT {selected}, {known} AS _key, count(*) OVER () AS _groups FROM {public(view.name)}{by}"
        return _Shape(tuple(names[i] for i in order), numeric, len(keys), amount, order.index(window) if window >= 0 else -1, sql)

    def _see(self, view: RunningView, shape: _Shape, limit: int, commit: int) -> _Seen:
        progress = view.progress
        table = self._session.arrow(self._statement(view, shape, limit).run)
        groups = table["_groups"][0].as_py() if table.num_rows else 0
        others = [key for key in table["_key"].to_pylist() if key is not None]
        table = table.drop_columns(["_groups", "_key"])
        opened = self._open(view, table, shape.window, others)
        amounts = [_number(value) for value in table.column(shape.amount).to_pylist()] if shape.amount >= 0 else [0.0] * table.num_rows
        cells = [tuple("" if c is None else c for c in row) for row in format.cells_of_rows(table)]
        values = [_summable(table.column(j)) for j in range(shape.keys, table.num_columns)]
        cells = [
            row[: shape.keys] + tuple(_summed(column[i], cell) for column, cell in zip(values, row[shape.keys :], strict=True))
            for i, row in enumerate(cells)
        ]
        return _Seen(view, commit, progress, shape, cells, opened, amounts, groups)

    def _statement(self, view: RunningView, shape: _Shape, limit: int) -> Prepared:
        """Prepared, since the same is asked after every commit: planning took half of a look."""
        known = self._prepared.pop((view.name, limit), None)
        if known is None or known[0] is not shape:
            known = shape, self._session.prepare(f"{shape.sql} LIMIT {limit}")
        self._prepared[(view.name, limit)] = known
        if len(self._prepared) > LOOKS:
            self._prepared.popitem(last=False)
        return known[1]

    def quarantine(self, stream: str | None, rule: str | None, offset: int, limit: int) -> QuarantinePage:
        """Rejected records, newest first."""
        where: list[str] = ["true"]
        values: list[str] = []
        if stream:
            where.append("stream = ?")
            values.append(stream)
        if rule:
            where.append("list_contains(rules, ?)")
            values.append(rule)
        condition = " AND ".join(where)
        with self._lock:
            rows = self._session.execute(
                f'SELECT id, stream, rules, file, line, "offset", epoch(arrived_at), raw[1:{PREVIEW}] FROM _system.quarantine'
                f" WHERE {condition} ORDER BY id DESC LIMIT {int(limit)} OFFSET {int(offset)}",
                values,
            )
            total = self._session.execute(f"SELECT count(*) FROM _system.quarantine WHERE {condition}", values)[0][0]
        return QuarantinePage(tuple(_row(row) for row in rows), total)

    def detail(self, id: int, flows: dict[str, StreamingTable], inputs: dict[str, tuple[Column, ...]], root: Path) -> QuarantineDetail:
        """One rejected record, judged again rule by rule.

        Args:
            flows: for each flow its table, with the flow's source and query. inputs: the columns of each flow's source.

        Raises:
            NotFound: no such record.
        """
        with self._lock:
            found = self._session.execute(
                'SELECT q.id, q.stream, q.rules, q.file, q.line, q."offset", epoch(q.arrived_at), q.raw, q.source, q.state, q._commit,'
                ' coalesce(epoch(c."at"), 0), q.flow FROM _system.quarantine q'
                " LEFT JOIN _system.commits c ON c.id = q._commit AND c.flow = q.flow WHERE q.id = ?",
                [id],
            )
            if not found:
                raise NotFound(f"There is no rejected record {id}", "`workbench quarantine list` shows them.")
            *head, raw, source, state, commit, at, flow = found[0]
            table = flows.get(flow)
            raw = bytes(raw)
            header = csv_header(root, head[3], table) if table else None
            told = explain(self._decoders, raw, table, inputs.get(flow, ()), tuple(head[2]), header)
        row = _row((*head, raw[:PREVIEW]))
        return QuarantineDetail(row, told.text, len(raw), commit, at, state, told.verdicts, told.spans, source)

    def _look(self, client: str, view: str, amounts: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
        """What this client saw last, and remember what it sees now."""
        before = self._looks.pop((client, view), {})
        self._looks[(client, view)] = amounts
        while len(self._looks) > LOOKS:
            self._looks.popitem(last=False)
        return before

    def _open(self, view: RunningView, table: pa.Table, window: int, keys: list[str]) -> list[bool]:
        """Which rows belong to windows that may still grow. Args: window: the column of their start; keys: of sessions, as JSON."""
        if window < 0 or view.state.window is None or not table.num_rows:
            return [False] * table.num_rows
        starts = table.column(window).cast("int64").to_pylist()
        if view.state.sessions:
            known = {start for start in starts if start is not None}
            opened = self._session.execute(
                f"SELECT epoch_us(\"start\"), key FROM _windows.{quote(view.name)} WHERE state = 'open' AND \"start\" BETWEEN"
                f" make_timestamptz({min(known)}) AND make_timestamptz({max(known)})"
            ) if known else []  # fmt: skip
            found = {(start, key if keys else "") for start, key in opened}
            return [(start, keys[i] if keys else "") in found for i, start in enumerate(starts)]
        passed = view.progress.watermark
        return [start is not None and (passed is None or start + view.state.window.size > passed) for start in starts]

    def _one(self, sql: str) -> int:
        return int(self._session.execute(sql)[0][0])


def _session_key(state: RunningState, names: list[str]) -> str:
    """The other keys of a session as `workbench.windows` spells them; NULL when it is no session, or not all of them are shown."""
    others = [shown for i, shown in enumerate(state.key_columns) if state.window is not None and i != state.window.key]
    if not state.sessions or any(shown < 0 for shown in others):
        return "NULL::VARCHAR"
    return f"json_array({', '.join(quote(names[shown]) for shown in others)})::VARCHAR"


def _amount(order: list[int], keys: int, numeric: tuple[bool, ...], types: pa.Schema) -> int:
    """The column that the bar shows: the first amount (a fraction) that is no key, else the first count; -1 when there is none."""
    numbers = [i for i in range(keys, len(order)) if numeric[i]]
    fractions = [i for i in numbers if not pa.types.is_integer(types.field(i).type) and not _whole(types.field(i).type)]
    return next(iter(fractions or numbers), -1)


def _whole(kind: pa.DataType) -> bool:
    """A HUGEINT, such as a sum of whole numbers."""
    return bool(pa.types.is_decimal(kind) and kind.scale == 0)


def _in_order(found: list[tuple[int, int, TailRow]]) -> list[tuple[int, int, TailRow]]:
    """By commit; inside one, accepted rows by their place, then the rejected by theirs."""
    return sorted(found, key=lambda item: (item[0], item[2].dropped, item[1]))


def _row(found: tuple[Any, ...]) -> QuarantineRow:
    id, stream, rules, file, line, offset, at, raw = found
    return QuarantineRow(id, stream, tuple(rules), file, line, offset, at, _preview(raw))


def _preview(raw: bytes | None) -> str:
    return format.visible(bytes(raw or b"")[:PREVIEW].decode("utf-8", "replace"))


def _summable(column: pa.ChunkedArray) -> list[Any]:
    """The numbers of a column, which Python may not have the other values of: nanoseconds, the year 10000."""
    kind = column.type
    numbers = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return list(column.to_pylist()) if numbers else [None] * len(column)


def _summed(value: Any, cell: str) -> str:
    """An aggregate as people read it: thousands apart, two decimals where it is not of whole numbers."""
    if not isinstance(value, int | float | Decimal):
        return cell
    whole = isinstance(value, int) or (isinstance(value, Decimal) and value.as_tuple().exponent == 0)
    return f"{value:,}" if whole else f"{value:,.2f}"


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
