"""Flows over streaming tables, built as their definitions say and put where the last commit left them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.language.definitions import Column, FlowQuery, IntervalJoin, StreamingTable, StreamRef
from workbench.store.catalog import entries
from workbench.store.commit import Counts
from workbench.store.owned import create_owned
from workbench.store.session import Session
from workbench.stream.derived import Derivation, Derived
from workbench.stream.distinct import Deduplication
from workbench.stream.join import JoinFlow, used_columns
from workbench.stream.rejections import RuleBook
from workbench.stream.select import Selector
from workbench.stream.side import Side


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a flow is built from.

    `columns`: the table's that new rows fill, without `_violations` (`marks` says whether it has them); `extra`: types of
    `FlowQuery.extra`; `sources`: for each streaming table, in lower case, the flows that hold the watermark of its rows.
    """

    name: str
    table: StreamingTable
    query: FlowQuery
    columns: tuple[Column, ...]
    marks: bool
    extra: tuple[Column, ...]
    book: RuleBook
    totals: Counts
    sources: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        return (*(c.name for c in self.columns), *(("_violations",) if self.marks else ()))

    def selector(self, session: Session, source: str) -> Selector:
        return Selector(session, self.query, self.columns, self.table.expectations, self.table.name, source)


def derivation(session: Session, plan: Blueprint, source: StreamRef) -> Derivation:
    """A flow over one streaming table, or two that are joined. Runs in the writer's turn."""
    if plan.query.join is not None:
        return _joined(session, plan, source, plan.query.join)
    selector = plan.selector(session, f"STREAM {source.name}")
    distinct = deduplication(session, plan, f"STREAM {source.name}", plan.sources.get(source.name.lower(), ()))
    return Derived(
        plan.name, plan.table, source.name, plan.names, plan.book, selector.select_rows, plan.totals, plan.marks, distinct
    )  # fmt: skip


def deduplication(session: Session, plan: Blueprint, source: str, sources: tuple[str, ...]) -> Deduplication | None:
    """What a flow with DISTINCT ON remembers; None for any other."""
    if plan.query.distinct is None:
        return None
    made = Deduplication.make(plan.name, plan.table.name, plan.query.distinct, plan.extra, source, sources)
    create_owned(session, made.owned)
    made.restore(session)
    return made


def _joined(session: Session, plan: Blueprint, source: StreamRef, join: IntervalJoin) -> JoinFlow:
    def columns(stream: str) -> tuple[str, ...]:
        return tuple(c.name for c in entries(session)[stream.lower()].columns)

    left = Side(source.name, join.left_time, join.left_delay, plan.sources.get(source.name.lower(), ()))
    right = Side(join.right, join.right_time, join.right_delay, plan.sources.get(join.right.lower(), ()))
    kept = (
        used_columns(columns(source.name), join.left_columns, join.left_time),
        used_columns(columns(join.right), join.right_columns, join.right_time),
    )
    selector = plan.selector(session, f"STREAM {source.name} JOIN STREAM {join.right}")
    flow = JoinFlow(session, plan.name, plan.table, join, (left, right), kept, plan.names, plan.book, selector, plan.totals, plan.marks)
    create_owned(session, flow.owned)
    flow.restore(session)
    return flow
