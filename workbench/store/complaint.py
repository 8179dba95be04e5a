"""What DuckDB says about a statement that failed: the message, its advice, and the place."""

from __future__ import annotations

import re
import unicodedata

from workbench.errors import WorkbenchError
from workbench.store.session import Session

_DRAWING = re.compile(r"\nLINE (\d+): (.*)\n( *)\^")


_ADVICE = re.compile(r"\n(Did you mean .*|Candidate bindings: .*)", re.DOTALL)

_FORBIDDEN = re.compile(r'Cannot access (?:file|directory) "(.*?)" - file system operations are disabled')

_INTERNAL = re.compile(r'"(pg_|duckdb_|sqlite_|_store|_system)')


def advised(message: str) -> tuple[str, str]:
    """The message, and what DuckDB suggests; it also suggests tables that are none of a user's business."""
    if forbidden := _FORBIDDEN.search(message):
        hint = "SQL reads files below the project's folder, and nothing over a network: put it there."
        return f"{forbidden[1]} is not below the project's folder", hint
    advice = _ADVICE.search(message)
    if not advice:
        return message, ""
    return message[: advice.start()], "" if _INTERNAL.search(advice[1]) else " ".join(advice[1].split())


def replanned(session: Session, sql: str) -> int | None:
    """Plan a failed statement once more, without running it: only then does DuckDB draw a caret under the error.

    Returns:
        The offset in `sql`, or None when it plans well (it failed while running) or the place is not certain.
    """
    explain = "EXPLAIN "
    try:
        session.execute("BEGIN TRANSACTION READ ONLY")
        try:
            session.execute(explain + sql)
        finally:
            session.execute("ROLLBACK")
    except WorkbenchError as error:
        found = position(explain + sql, str(error.__cause__))
        return None if found is None or found < len(explain) else found - len(explain)
    return None


def position(sql: str, message: str) -> int | None:
    """The offset that the drawing `LINE n: …` with its caret points at."""
    drawn = _DRAWING.search(message)
    if not drawn:
        return None
    lines = sql.split("\n")
    number, snippet = int(drawn[1]), drawn[2]
    label = len(f"LINE {number}: ")
    if number > len(lines) or len(drawn[3]) < label:
        return None
    cut = 3 if snippet.startswith("...") else 0
    shown = snippet[cut:].removesuffix("...").rstrip("\r")
    line = lines[number - 1]
    column = _characters(shown, len(drawn[3]) - label - cut)
    if line.count(shown) != 1 or column is None:
        return None
    return sum(len(line) + 1 for line in lines[: number - 1]) + line.index(shown) + column


def _characters(text: str, width: int) -> int | None:
    """How many characters take `width` columns of a terminal: the caret is placed by width."""
    seen = 0
    for index, character in enumerate(text):
        if seen >= width:
            return index
        seen += 2 if unicodedata.east_asian_width(character) in "WF" else 0 if unicodedata.combining(character) else 1
    return len(text) if seen >= width else None
