"""Typed rows and the rules that they break, from a query that gives their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workbench.errors import QueryCancelled, QueryError
from workbench.language.definitions import Expectation
from workbench.store.feed import Feed
from workbench.store.session import LARGE, Prepared, Session
from workbench.stream.decode_types import Typed
from workbench.stream.validate import MALFORMED_BIT, NOT_NULL_BIT, TYPE_BIT, blame, rule_mask_sql

Mask = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows in the order of their records: `mask` holds the broken rules; the values of a row with a reserved rule mean nothing."""

    table: pa.Table
    mask: Mask


@dataclass(frozen=True, slots=True)
class Reading:
    """How one column is read.

    Args:
        value: SQL of its value.
        given: SQL that is TRUE where there was something to read; a NULL value is then a type error.
    """

    column: Typed
    value: str
    given: str


class Judge:
    """Judges records on type errors, NOT NULL and expectations, in that order.

    A malformed record breaks only `_malformed`. The expectations are not judged on a record with a type error: their
    answer is not known.

    Args:
        malformed: SQL that is TRUE for a record without values.
        source: SQL of the relation that all of this reads.
        others: more columns to give, as SQL with names.
    """

    def __init__(
        self,
        session: Session,
        readings: Sequence[Reading],
        rules: Sequence[Expectation],
        stream: str,
        malformed: str,
        source: str,
        others: Sequence[str] = (),
    ) -> None:
        self._session = session
        self._rules = rules
        self._stream = stream
        self._prepared: Prepared | None = None
        cast = {i: one for i, one in enumerate(readings) if one.column.family != "text" and one.value != one.column.sql}
        wrong = " OR ".join(f'("_given {i}" AND {one.column.sql} IS NULL)' for i, one in cast.items())
        missing = " OR ".join(f"NOT {reading.given}" for reading in readings if reading.column.not_null)
        values = [f"{reading.value} AS {reading.column.sql}" for reading in readings] + list(others)
        values += [f"{malformed} AS _bad", f"({missing or 'false'}) AS _missing"]
        values += [f'{one.given} AS "_given {i}"' for i, one in cast.items()]
        given = "".join(f', "_given {i}"' for i in cast)
        # Two steps: in one, every value that is a CASE would be made twice.
        self._values = (
            f"SELECT * EXCLUDE (_missing{given}), _missing, ({wrong or 'false'}) AS _wrong FROM (SELECT {', '.join(values)} FROM {source})"
        )
        null = f"(CASE WHEN _missing THEN {NOT_NULL_BIT} ELSE 0 END)::UBIGINT"
        mask = f"CASE WHEN _bad THEN {MALFORMED_BIT} WHEN _wrong THEN {TYPE_BIT}::UBIGINT | {null} ELSE {null} | {rule_mask_sql(rules)} END"
        bent = [f"{one.column.carried} AS {one.column.sql}" for one in readings if one.column.carried != one.column.sql]
        as_carried = f" REPLACE ({', '.join(bent)})" if bent else ""
        self._sql = f"SELECT * EXCLUDE (_bad, _wrong, _missing){as_carried}, ({mask})::UBIGINT AS _mask FROM ({self._values})"

    def judge(self, large: bool) -> Judged:
        """Judge what the source relation holds now.

        Raises:
            FlowError: an expectation cannot be judged.
            QueryError: the source itself fails.
        """
        return self._judged(self._sql, large)

    def judge_feed(self, feed: Feed, table: pa.Table) -> Judged:
        """Judge a table through the feed that the source reads; a small one with a prepared statement, which saves 4 of 5 ms.

        Raises:
            FlowError: an expectation cannot be judged.
        """
        feed.fill(table)
        try:
            if table.nbytes > LARGE:
                return self._judged(self._sql, large=True)
            if self._prepared is None:
                self._prepared = self._session.prepare(self._sql)
            return self._judged(self._prepared.run, large=False)
        finally:
            feed.clear()

    def _judged(self, sql: str, large: bool) -> Judged:
        try:
            table = self._session.arrow(sql, large)
        except QueryCancelled:
            raise
        except QueryError as error:
            rows = self._session.arrow(f"SELECT * EXCLUDE (_bad, _wrong, _missing) FROM ({self._values}) WHERE NOT _bad AND NOT _wrong")
            raise blame(self._session, rows, self._rules, self._stream, error) from error
        return Judged(table.drop_columns("_mask"), table.column("_mask").to_numpy().copy())
