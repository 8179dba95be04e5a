"""What a command prints: data on standard output, everything else on standard error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, BinaryIO, TextIO

from workbench.errors import PipelineError, WorkbenchError

if TYPE_CHECKING:
    from rich.console import Console

COLUMN_GAP = "  "
WIDEST = 120
"""Characters that one cell may make all others of its column as wide as."""


class Output:
    """Draws with Rich on a terminal, and plainly into a pipe or a file. Rich is imported when a terminal needs it."""

    def __init__(self, stdout: TextIO, stderr: TextIO) -> None:
        self.stdout = stdout
        self.stderr = stderr

    @property
    def terminal(self) -> bool:
        """Does a person read the data?"""
        return self.stdout.isatty()

    @property
    def binary(self) -> BinaryIO:
        """Standard output for bytes; flush the text before."""
        return self.stdout.buffer

    def line(self, text: str = "") -> None:
        """One line of data."""
        self.stdout.write(f"{text}\n")

    def note(self, text: str) -> None:
        """Something about the work, for a person."""
        self.stderr.write(f"{text}\n")
        self.stderr.flush()

    def error(self, error: WorkbenchError) -> None:
        """What happened and what to do about it."""
        text = str(error) if isinstance(error, PipelineError) else f"workbench: {error}"
        if self.stderr.isatty():
            self._console(self.stderr).print(text, style="red", markup=False, highlight=False, soft_wrap=True)
        else:
            self.note(text)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[bool]) -> None:
        """A table whose columns are as wide as what is in them; `numeric` columns stand right."""
        columns, cells = visible(columns), [visible(row) for row in rows]
        if self.terminal:
            self._rich_table(columns, cells, numeric)
            return
        widths = widths_of([columns, *cells])
        for row in (columns, *cells):
            self.line(aligned(row, widths, numeric))

    def _rich_table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for name, right in zip(columns, numeric, strict=True):
            table.add_column(Text(name), justify="right" if right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._console(self.stdout).print(table)

    def _console(self, stream: TextIO) -> Console:
        from rich.console import Console

        return Console(file=stream)


_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_TURNING = {chr(i): f"\\u{i:04X}" for i in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""They make what stands around them read from right to left."""
_WRITTEN_OUT = str.maketrans({chr(i): f"\\x{i:02X}" for i in (*range(32), *range(127, 160))} | _NAMED | _TURNING)


def visible(row: Sequence[str]) -> tuple[str, ...]:
    """Cells that stay on their line and command no terminal: control characters are written out."""
    return tuple(cell if cell.isprintable() else cell.translate(_WRITTEN_OUT) for cell in row)


def widths_of(rows: Iterable[Sequence[str]]) -> list[int]:
    """The widest cell of every column, very long ones aside: they push the rest of their own row along."""
    return [min(WIDEST, max(map(len, column))) for column in zip(*rows, strict=True)]


def aligned(row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    """One row of a plain table; a cell that is wider than its column pushes the rest along."""
    cells = (cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(row, widths, numeric, strict=True))
    return COLUMN_GAP.join(cells).rstrip()
