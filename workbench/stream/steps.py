"""What one thread does with each raw batch of a flow, in order: decode, SELECT, judge, mark."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field, replace

from workbench.batch import Batch, ChunkBuffer, RawBatch
from workbench.language.definitions import Column, FlowQuery, ReadRate, SourceSpec, StreamingTable
from workbench.store.session import Session
from workbench.stream.decode import Decoder
from workbench.stream.drift import Drift
from workbench.stream.json_exact import RESCUED
from workbench.stream.rejections import RuleBook
from workbench.stream.select import Selector


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a source's records become rows of one table. `columns`: the table's, without `_violations`; `input`: the
    source's; `options`: of its format; `name`: the flow's."""

    name: str
    table: StreamingTable
    source: SourceSpec
    query: FlowQuery
    input: tuple[Column, ...]
    columns: tuple[Column, ...]
    book: RuleBook
    options: tuple[tuple[str, str], ...] = ()
    inferred: bool = False
    """The input's columns were found in the data."""
    drift: Drift = field(default_factory=Drift)

    @property
    def marks(self) -> bool:
        return any(rule.action == "mark" for rule in self.table.expectations)

    @property
    def as_of_commit(self) -> bool:
        """Its SELECT reads tables, and has to see them as they are at its commit."""
        return bool(self.query.tables)

    @property
    def reads(self) -> tuple[Column, ...]:
        """The input's columns, with what a plain SELECT * declares of them."""
        if not self.query.identity:
            return self.input
        declared = {c.name.lower(): c for c in self.table.columns}
        return tuple(declared.get(c.name.lower(), c) for c in self.input)

    def decoder(self, session: Session, judging: bool) -> Decoder:
        """Args: judging: the table's expectations are judged in the same pass."""
        format = "parquet" if isinstance(self.source, ReadRate) else self.source.format
        rules = self.table.expectations if judging else ()
        stored = any(column.name == RESCUED for column in self.columns)
        return Decoder(
            session, self.reads, format, self.options, rules,
            inferred=self.inferred, stream=self.table.name, drift=self.drift, stored=stored,
        )  # fmt: skip

    def selector(self, session: Session) -> Selector:
        return Selector(session, self.query, self.columns, self.table.expectations, self.table.name, self.source.label)

    def marked(self, batch: Batch) -> Batch:
        """The batch with its `_violations`, where the table has rules that mark."""
        if self.marks:
            batch.table = batch.table.append_column("_violations", self.book.violations(batch.mask))
        return batch


class FlowSteps:
    """One thread's way from a read to a Batch for each output: decoded once for all of them that read it alike."""

    def __init__(self, recipes: tuple[Recipe, ...], session: Session) -> None:
        self._ways: list[tuple[Decoder, list[tuple[int, Recipe, Selector | None]]]] = []
        self._count = len(recipes)
        alike: dict[object, list[tuple[int, Recipe]]] = {}
        for place, recipe in enumerate(recipes):
            alike.setdefault((recipe.reads, recipe.options, recipe.inferred), []).append((place, recipe))
        for group in alike.values():
            first = group[0][1]
            alone = len(group) == 1 and first.query.identity
            outputs = [(place, recipe, None if alone or recipe.as_of_commit else recipe.selector(session)) for place, recipe in group]
            self._ways.append((first.decoder(session, judging=alone), outputs))

    def run(self, raw: RawBatch) -> tuple[Batch, ...]:
        """A Batch for each output, in their order. One whose SELECT reads tables is only decoded yet, and keeps its bytes."""
        found: dict[int, Batch] = {}
        for decoder, outputs in self._ways:
            decoded = decoder.decode(raw)
            for place, recipe, selector in outputs:
                if recipe.as_of_commit:
                    found[place] = replace(decoded, raw=kept(raw))
                elif selector:
                    found[place] = recipe.marked(selector.select(decoded))
                else:
                    found[place] = recipe.marked(decoded)
        return tuple(found[place] for place in range(self._count))


class _Copy(ChunkBuffer):
    """A chunk's bytes in memory of their own, given back with the last that looks at them."""

    def __init__(self, raw: RawBatch) -> None:
        assert raw.buffer is not None
        self.capacity, self.path, self._fd = raw.length, None, -1
        self.memory = mmap.mmap(-1, raw.length)
        self.memory[:] = raw.buffer.memory[: raw.length]


def kept(raw: RawBatch) -> RawBatch:
    """The raw batch with a copy of its bytes, which outlives the buffer."""
    return raw if raw.buffer is None or not raw.length else replace(raw, buffer=_Copy(raw))
