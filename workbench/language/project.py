"""A project's folder of pipelines, read as one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import Problem
from workbench.language.definitions import Graph
from workbench.language.graph import build
from workbench.language.script import compile_script
from workbench.language.tokens import Text

FOLDER = "pipelines"
GONE = (FileNotFoundError, NotADirectoryError)
"""Of a folder: it is none, which is not an error."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The graph of all sound definitions, and every mistake in the others, in the order of files and lines."""

    graph: Graph
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What the files of the pipelines say, by their path in the project, and what of them cannot be read: without it definitions would
    seem to have been removed."""

    files: dict[str, str]
    unread: tuple[Problem, ...] = ()


def load(files: Mapping[str, str]) -> Loaded:
    """Definitions of these texts (name → text), whatever their order."""
    graph, problems = build([parsed for file in sorted(files) for parsed in compile_script(Text(file, files[file]))])
    return Loaded(graph, tuple(problems))


def read_pipelines(root: Path) -> Written:
    """The texts of `pipelines/**/*.sql`, hidden files left out.

    Bytes that are not UTF-8 stay in the text as surrogates: `load` points at them.
    """
    files: dict[str, str] = {}
    failed: list[OSError] = []
    for path in sorted(_scripts(root, failed)):
        try:
            if stat.S_ISREG(path.stat().st_mode):
                files[path.relative_to(root).as_posix()] = path.read_bytes().decode("utf-8", "surrogateescape")
        except GONE:
            continue  # a link to nothing
        except OSError as error:
            failed.append(error)
    return Written(files, tuple(_unread(root, error) for error in failed))


def folders(root: Path) -> list[Path]:
    """The folder of the pipelines and those in it, as far as they can be read."""
    return [Path(folder) for folder, _, _ in os.walk(root / FOLDER)]


def changed_at(root: Path) -> float:
    """When any of it was written, by the clock of the files; 0.0 where that cannot be told."""
    times = [0.0]
    for folder in folders(root):
        with suppress(OSError), os.scandir(folder) as entries:
            times.append(folder.stat().st_mtime)
            for entry in entries:
                with suppress(OSError):  # a link to nothing
                    times.append(entry.stat().st_mtime)
    return max(times)


def _scripts(root: Path, failed: list[OSError]) -> Iterator[Path]:
    """Args: failed: gets the errors of folders that cannot be read."""
    for folder, inner, names in os.walk(root / FOLDER, onerror=lambda error: None if isinstance(error, GONE) else failed.append(error)):
        inner[:] = [name for name in inner if not name.startswith(".")]
        yield from (Path(folder, name) for name in names if name.endswith(".sql") and not name.startswith("."))


def _unread(root: Path, error: OSError) -> Problem:
    path = Path(error.filename)
    hint = f"Give yourself the right to read it (ls -ld {path}); until then what was defined before goes on."
    return Problem(path.relative_to(root).as_posix(), 1, 1, f"cannot be read: {error.strerror}", hint)
