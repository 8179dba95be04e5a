"""Raw batches made of bytes, and batches in a form that tests compare."""

from __future__ import annotations

from typing import Any

from workbench.batch import RESERVED_RULES, Batch, ChunkBuffer, Offset, RawBatch
from workbench.language.definitions import Column, Expectation, Span

NOWHERE = Span("", 1, 1, 0, 0)

ORDERS = (Column("id", "BIGINT", not_null=True), Column("country", "VARCHAR"), Column("amount", "DOUBLE"))
POSITIVE = Expectation("positive", "amount > 0", "drop", NOWHERE)
GERMAN = Expectation("german", "country = 'DE'", "mark", NOWHERE)
RULES = (POSITIVE, GERMAN)


def raw_batch(data: bytes, byte: int = 0, line: int = 0, **fields: Any) -> RawBatch:
    """The bytes as a batch that begins at an offset of the file `data.log`."""
    buffer = ChunkBuffer(max(len(data), 1))
    buffer.open()[: len(data)] = data
    buffer.seal(len(data))
    stop = byte + len(data) - bool(fields.get("unended"))
    return RawBatch(buffer, len(data), Offset("f1", "data.log", byte, line), Offset("f1", "data.log", stop, line), 0.0, **fields)


def names_of(mask: int, rules: tuple[Expectation, ...]) -> tuple[str, ...]:
    """The broken rules of a mask: the reserved ones first, then in the table's order."""
    names = (*RESERVED_RULES, *(rule.name for rule in rules))
    return tuple(name for index, name in enumerate(names) if mask >> index & 1)


def outcome(batch: Batch, rules: tuple[Expectation, ...] = ()) -> list[Any]:
    """For each row: its values when it was accepted, None when it is blank, else the names of the rules it broke."""
    rows = [[column[i].as_py() for column in batch.table.columns] for i in range(batch.table.num_rows)]
    told: list[Any] = []
    for row, verdict, mask in zip(rows, batch.verdict.tolist(), batch.mask.tolist(), strict=True):
        told.append([tuple(row), names_of(mask, rules), None, None][verdict])
    return told
