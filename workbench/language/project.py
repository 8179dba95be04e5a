"""A project's folder of pipelines, read as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import Problem, SourceError
from workbench.language.definitions import Graph
from workbench.language.graph import build
from workbench.language.script import compile_script
from workbench.language.tokens import Text

FOLDER = "pipelines"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The graph of all sound definitions, and every mistake in the others, in the order of files and lines."""

    graph: Graph
    problems: tuple[Problem, ...]


def load(files: Mapping[str, str]) -> Loaded:
    """Definitions of these texts (name → text), whatever their order."""
    graph, problems = build([parsed for file in sorted(files) for parsed in compile_script(Text(file, files[file]))])
    return Loaded(graph, tuple(problems))


def read_pipelines(root: Path) -> dict[str, str]:
    """The texts of `pipelines/**/*.sql` by their path in the project, hidden files left out.

    Bytes that are not UTF-8 stay in the text as surrogates: `load` points at them.

    Raises:
        SourceError: a file that cannot be read; without it definitions would seem to have been removed.
    """
    files: dict[str, str] = {}
    for path in sorted((root / FOLDER).rglob("*.sql")):
        name = path.relative_to(root).as_posix()
        if any(part.startswith(".") for part in path.relative_to(root).parts) or not path.is_file():
            continue
        try:
            files[name] = path.read_bytes().decode("utf-8", "surrogateescape")
        except OSError as error:
            raise SourceError(f"{name} cannot be read: {error.strerror}", "Give yourself the right to read it.") from error
    return files
