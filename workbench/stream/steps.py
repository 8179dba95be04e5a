"""What one thread does with each raw batch of a flow, in order: decode, SELECT, judge, mark."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.batch import Batch, RawBatch
from workbench.language.definitions import Column, ReadFiles, StreamingTable
from workbench.store.session import Session
from workbench.stream.decode import Decoder
from workbench.stream.drift import Drift
from workbench.stream.rejections import RuleBook
from workbench.stream.select import Selector


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a flow's records become rows. `columns`: the table's, without `_violations`; `input`: the source's;
    `options`: of its format."""

    table: StreamingTable
    input: tuple[Column, ...]
    columns: tuple[Column, ...]
    book: RuleBook
    options: tuple[tuple[str, str], ...] = ()
    drift: Drift = field(default_factory=Drift)

    @property
    def marks(self) -> bool:
        return any(rule.action == "mark" for rule in self.table.expectations)


class FlowSteps:
    """One thread's way through a recipe."""

    def __init__(self, recipe: Recipe, session: Session) -> None:
        table, source = recipe.table, recipe.table.source
        assert isinstance(source, ReadFiles)
        self._recipe = recipe
        plain = table.query.identity
        declared = {c.name.lower(): c for c in table.columns}
        columns = tuple(declared.get(c.name.lower(), c) for c in recipe.input) if plain else recipe.input
        self._decoder = Decoder(
            session,
            columns,
            source.format,
            recipe.options,
            table.expectations if plain else (),
            inferred=source.schema is None and not table.columns,
            stream=table.name,
            drift=recipe.drift,
        )
        self._selector = (
            None if plain else Selector(session, table.query, recipe.columns, table.expectations, table.name, f"read_files {source.glob}")
        )

    def run(self, raw: RawBatch) -> Batch:
        batch = self._decoder.decode(raw)
        if self._selector:
            batch = self._selector.select(batch)
        if self._recipe.marks:
            batch.table = batch.table.append_column("_violations", self._recipe.book.violations(batch.mask))
        return batch
