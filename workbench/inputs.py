"""Inputs opened by name, `-` or a socket's address: a project of their own, its pipeline written once their format shows."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from workbench.config import Project

STDIN = "-"
WAITING = "inputs.json"
"""In the state folder: the inputs whose format no record has told yet."""


def is_input(name: str) -> bool:
    """Whether it is `-` or an address, no file."""
    return name == STDIN or "://" in name


def write_inputs(project: Project, inputs: Sequence[str], format: str | None) -> None:
    """Make a folder a project that reads these inputs; what is there of an earlier time stays.

    Args:
        inputs: `-` and addresses as `read_socket` takes them.
        format: None: as their first records look.
    """
    pipelines = project.root / "pipelines"
    pipelines.mkdir(mode=0o700, parents=True, exist_ok=True)
    waiting = [one for one in inputs if not reads(project, [one])]
    if format is not None:
        for one in waiting:
            write_pipeline(project, one, format)
    elif waiting:
        project.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        store_waiting(project, waiting)


def waiting_inputs(project: Project) -> tuple[str, ...]:
    """The inputs whose format no record has told yet."""
    try:
        return tuple(str(one) for one in json.loads((project.state / WAITING).read_text("utf-8")))
    except (OSError, ValueError):
        return ()


def reads(project: Project, inputs: Sequence[str]) -> bool:
    """Whether pipelines of the project read all of these inputs; by their text, for what they mean the engine finds out."""
    texts = [path.read_text("utf-8", "replace").lower() for path in (project.root / "pipelines").rglob("*.sql")]
    wanted = (r"\bread_stdin\s*\(" if one == STDIN else re.escape(one.lower()) for one in inputs)
    return all(any(re.search(pattern, text) for text in texts) for pattern in wanted)


def awaits_stdin(project: Project) -> bool:
    """Whether something of the project reads what is piped in, or will."""
    return STDIN in waiting_inputs(project) or reads(project, [STDIN])


def table_of(input: str) -> str:
    """The streaming table that an input becomes: stdin, tcp_5140, app (of unix:///run/app.sock)."""
    if input == STDIN:
        return "stdin"
    scheme, _, rest = input.partition("://")
    name = Path(rest).stem if scheme.startswith("unix") else f"{scheme}_{rest.rpartition(':')[2]}"
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()
    return plain if plain and not plain[0].isdigit() else f"{scheme}_{plain}"


def write_pipeline(project: Project, input: str, format: str) -> None:
    """The pipeline that reads an input."""
    called = "what was piped in" if input == STDIN else f"what was sent to {input}"
    source = "read_stdin(" if input == STDIN else "read_socket('" + input.replace("'", "''") + "', "
    text = (
        f"-- {called[0].upper()}{called[1:]}; add views of it to this folder.\n"
        f'CREATE STREAMING TABLE "{table_of(input)}"\n'
        f"AS SELECT * FROM STREAM {source}format => '{format}');\n"
    )
    _replace(project.root / "pipelines" / f"{table_of(input)}.sql", text)


def store_waiting(project: Project, waiting: Sequence[str]) -> None:
    """Remember the inputs whose format is still to be told."""
    path = project.state / WAITING
    if waiting:
        _replace(path, json.dumps(waiting))
    else:
        path.unlink(missing_ok=True)


def _replace(path: Path, text: str) -> None:
    """All of it or nothing, also when the machine stops."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
