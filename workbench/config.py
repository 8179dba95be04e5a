"""Settings: defaults < workbench.toml < environment < flags."""

from __future__ import annotations

import hashlib
import os
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from workbench.errors import UsageError

MAX_SOCKET_PATH = 100
"""Bytes that a unix socket's path may have everywhere (108 on Linux, 104 on macOS)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user can set; the names are the keys of workbench.toml, and WORKBENCH_<NAME> in the environment.

    Attributes:
        memory_limit: the engine's memory for DuckDB.
        query_memory_limit: memory of one ad-hoc query's sorts and hash tables.
        result_limit: the most that one result may take on disk.
        threads: decoding threads; 0 means two, or one on a single core.
        tick: seconds between commits while following.
        poll: seconds between looks at quiet files.
        chunk: bytes that are decoded at once.
        idle_timeout: seconds without news after which a source no longer holds back the watermark of what it shares with others.
        spool_limit: the most that a socket, or stdin, may keep on disk before it is committed.
        nice: how far the engine steps back for other programs, 0 to 19.
        theme: dark, light, or auto.
        state_dir: where the database lives; empty means `.workbench` in the project.
    """

    memory_limit: str = "1GB"
    query_memory_limit: str = "512MB"
    result_limit: str = "4GB"
    threads: int = 0
    tick: float = 0.015
    poll: float = 0.25
    chunk: int = 16 << 20
    idle_timeout: float = 30.0
    spool_limit: str = "256MB"
    nice: int = 5
    theme: str = "dark"
    state_dir: str = ""


def load_settings(project: Path, flags: dict[str, Any] | None = None, environment: dict[str, str] | None = None) -> Settings:
    """The settings in force for a project.

    Raises:
        UsageError: an unknown key, or a value of the wrong type; names the file or variable.
    """
    given: dict[str, tuple[Any, str]] = {}
    file = project / "workbench.toml"
    if file.is_file():
        try:
            table = tomllib.loads(file.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{file}: {error}", "Mend the file; README lists every setting.") from error
        given |= {name: (value, str(file)) for name, value in table.items()}
    for name, value in (os.environ if environment is None else environment).items():
        if name.startswith("WORKBENCH_"):
            given[name.removeprefix("WORKBENCH_").lower()] = (value, name)
    given |= {name: (value, f"--{name.replace('_', '-')}") for name, value in (flags or {}).items() if value is not None}
    known = {f.name: f.type for f in fields(Settings)}
    values: dict[str, Any] = {}
    for name, (value, where) in given.items():
        if name not in known:
            raise UsageError(f"{where}: there is no setting {name!r}", f"Settings are: {', '.join(known)}.")
        values[name] = _typed(name, value, where, {"str": str, "int": int, "float": float}[str(known[name])])
    return replace(Settings(), **values)


def _typed(name: str, value: Any, where: str, kind: type) -> Any:
    try:
        if kind is str and not isinstance(value, str):
            raise ValueError
        return kind(value)
    except (TypeError, ValueError):
        raise UsageError(f"{where}: {name} = {value!r} is not {'a number' if kind is not str else 'text'}") from None


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with `pipelines/`, or files opened without one, and the place where their state lives.

    `files` are the files or globs given on the command line, absolute; empty for a project folder.
    """

    root: Path
    state: Path
    files: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return Path(self.files[0]).name if self.files else self.root.name

    @property
    def database(self) -> Path:
        return self.state / "data.duckdb"

    @property
    def log(self) -> Path:
        return self.state / "engine.log"

    @property
    def lock(self) -> Path:
        return self.state / "lock"

    @property
    def spool(self) -> Path:
        return self.state / "spool"

    @property
    def socket(self) -> Path:
        """The engine's socket; under the runtime directory when the state's path is too long for one."""
        path = self.state / "engine.sock"
        if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
            return path
        base = os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/workbench-{os.getuid()}"
        return Path(base) / f"workbench-{_digest(str(self.state))}.sock"


def open_project(root: Path, settings: Settings) -> Project:
    """The project in a folder."""
    root = root.resolve()
    state = Path(settings.state_dir).expanduser().resolve() if settings.state_dir else root / ".workbench"
    return Project(root, state)


def open_files(files: tuple[str, ...], settings: Settings) -> Project:
    """Files without a project: their state lives in the user's state directory, under a hash of their names."""
    absolute = tuple(os.path.abspath(f) for f in files)
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    state = Path(settings.state_dir).expanduser().resolve() if settings.state_dir else home / "workbench" / _digest("\n".join(absolute))
    return Project(Path(os.path.commonpath([os.path.dirname(f) for f in absolute])), state, absolute)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
