"""Every error that workbench raises, drawn as one tree.

WorkbenchError
├── UsageError             wrong command line, wrong setting              exit 2
│   └── NotFound           a name or an id that nothing has
├── PipelineError          the pipelines have errors (holds all of them)  exit 1
├── FlowError              a flow stopped                                 exit 3
│   ├── ExpectationFailed  an expectation ON VIOLATION FAIL UPDATE broke
│   └── PlanOutdated       what a command would do is no longer what was shown
├── SourceError            a file or socket cannot be read                exit 3
├── StoreError             the database                                   exit 3
│   ├── DatabaseLocked     another process has it
│   ├── DatabaseDamaged    DuckDB cannot read it
│   ├── DatabaseNewer      written by a newer workbench
│   ├── DatabaseStopped    DuckDB gave up; it goes on when it is opened again
│   └── DiskFull           no room to commit
├── QueryError             a query failed, with its position              exit 1
│   ├── QueryRefused       the console is read-only
│   └── QueryCancelled     a person cancelled it
└── EngineError            between the client and the engine              exit 3
    ├── EngineUnavailable  no engine answers
    └── VersionMismatch    client and engine are of different versions
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class WorkbenchError(Exception):
    """Something that a user can understand and act on.

    Args:
        message: what happened, where.
        hint: what to do about it; may be empty.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UsageError(WorkbenchError):
    """A command line or a setting that makes no sense."""

    exit_code = 2


class NotFound(UsageError):
    """There is no stream, view, record or result of this name or id."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the pipelines, with the place that a caret points at.

    `line` and `column` count from 1, `column` and `width` in characters; `text` is the whole source line.
    """

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    text: str = ""
    width: int = 1

    def __str__(self) -> str:
        out = f"{self.file}:{self.line}:{self.column}: {self.message}"
        if self.text:
            pad = "".join("\t" if c == "\t" else " " for c in self.text[: self.column - 1])
            out += f"\n  {self.text}\n  {pad}{'^' * max(1, self.width)}"
        return f"{out}\n  {self.hint}" if self.hint else out


class PipelineError(WorkbenchError):
    """The pipelines have errors; all of them are in `problems`, in file order."""

    exit_code = 1

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


class FlowError(WorkbenchError):
    """A flow stopped; what it had committed stays, and it resumes there."""


class ExpectationFailed(FlowError):
    """A row broke an expectation ON VIOLATION FAIL UPDATE."""


class PlanOutdated(FlowError):
    """What a command would do is no longer what was shown; nothing was done."""


class SourceError(WorkbenchError):
    """A source cannot be read."""


class StoreError(WorkbenchError):
    """The database cannot do what was asked."""


class DatabaseLocked(StoreError):
    """Another process holds the project's database."""


class DatabaseDamaged(StoreError):
    """DuckDB cannot read the project's database file."""


class DatabaseNewer(StoreError):
    """The database was written by a newer version of workbench."""


class DatabaseStopped(StoreError):
    """The open database answers no more; what was committed is safe, and there when it is opened again."""


class DiskFull(StoreError):
    """There is no room left on the device; the commit was rolled back and nothing is lost."""


class QueryError(WorkbenchError):
    """A query failed.

    Args:
        position: character offset into the query text, from 0, or None when unknown.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "", position: int | None = None) -> None:
        super().__init__(message, hint)
        self.position = position


class QueryRefused(QueryError):
    """The console reads; only the pipeline language's own statements change anything."""


class QueryCancelled(QueryError):
    """The query was cancelled."""


class EngineError(WorkbenchError):
    """The engine cannot be talked to."""


class EngineUnavailable(EngineError):
    """No engine answers for this project."""


class VersionMismatch(EngineError):
    """The engine that answers is of another version than this client."""
