"""Plain text to rows: each line is the value of the first column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from workbench.language.definitions import Expectation
from workbench.store.feed import Feed
from workbench.store.session import Session
from workbench.stream.decode_lines import Lines, texts
from workbench.stream.decode_types import Typed, value_sql
from workbench.stream.judge import Judge, Judged, Reading


class TextDecoder:
    """A line without its line end is one value; the other columns, if any are declared, are NULL. Bad UTF-8 is `_malformed`."""

    def __init__(self, session: Session, columns: Sequence[Typed], rules: Sequence[Expectation], stream: str) -> None:
        self._feed = Feed(session)
        readings = [_reading(column, "line" if index == 0 else "NULL::VARCHAR") for index, column in enumerate(columns)]
        self._judge = Judge(session, readings, rules, stream, "line IS NULL", self._feed.name)

    def decode(self, lines: Lines) -> tuple[Judged, npt.NDArray[np.bool_]]:
        """The rows of all lines, and which of them are blank.

        Raises:
            FlowError: an expectation cannot be judged.
        """
        text, _ = texts(lines.all())
        judged = self._judge.judge_feed(self._feed, pa.table({"line": pc.utf8_rtrim(text, "\r")}))
        blank = lines.blank()
        judged.mask[blank] = 0
        return judged, blank


def _reading(column: Typed, text: str) -> Reading:
    return Reading(column, value_sql(column, text), f"{text} IS NOT NULL")
