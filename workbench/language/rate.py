"""read_rate(rowsPerSecond => …): its options, checked."""

from __future__ import annotations

from workbench.language.definitions import ReadRate
from workbench.language.options import Options
from workbench.language.tokens import Text, Token, split

FASTEST = 100_000_000
"""Rows a second: more than any machine takes in; a slip of the finger beyond it."""
LAST = (1 << 63) - 1
_KNOWN = ("rowsPerSecond", "rows", "idle_timeout")


def read_rate(text: Text, name: Token, inside: list[Token]) -> ReadRate:
    """The source that the arguments describe; one row a second when nothing else is said, as Spark's.

    Raises:
        PipelineError: every wrong argument at once.
    """
    options = Options(text, name, split(inside), _KNOWN)
    rate, rows = options.number("rowsPerSecond", FASTEST), options.number("rows", LAST)
    source = ReadRate(rate or 1, rows, options.seconds("idle_timeout"))
    options.finish()
    return source
