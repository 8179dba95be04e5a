"""Settings: defaults < workbench.toml < environment < flags."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from workbench.errors import UsageError
from workbench.filenames import shown

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


@dataclass(frozen=True, slots=True)
class Allowed:
    """Which values of a setting make sense: in words, and as a test of a value of its type."""

    words: str
    fits: Callable[[Any], bool]


_UNITS = {"": 1, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000, "T": 1_000_000_000_000}


def _size_from(least: int, share: bool = False) -> Allowed:
    """A size with its unit; `share`: or a percentage of the machine's memory."""

    def fits(text: str) -> bool:
        if share and (percent := re.fullmatch(r"\s*(\d{1,3})\s*%\s*", text)):
            return 1 <= int(percent[1]) <= 100
        found = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*([KMGT]?)(i?B)?\s*", text, re.IGNORECASE)
        if not found or not (found[2] or found[3]):
            return False
        return least <= float(found[1]) * _UNITS[found[2].upper()] <= 1 << 50

    return Allowed(f"a size of {least // 1_000_000}MB or more, such as 512MB or 1.5GB{', or a share such as 50%' if share else ''}", fits)


def _number(least: float, most: float, of: str, above: bool = False) -> Allowed:
    words = f"{of}, {'more than' if above else 'from'} {least:,} {'and at most' if above else 'to'} {most:,}"
    return Allowed(words, lambda value: (value > least if above else value >= least) and value <= most)


ALLOWED = {
    "memory_limit": _size_from(16_000_000, share=True),
    "query_memory_limit": _size_from(1_000_000),
    "result_limit": _size_from(1_000_000),
    "threads": _number(0, 64, "a whole number"),
    "tick": _number(0, 3600, "seconds"),
    "poll": _number(0, 3600, "seconds", above=True),
    "chunk": _number(1024, 1 << 30, "a whole number of bytes"),
    "idle_timeout": _number(0, 31_536_000, "seconds"),
    "spool_limit": _size_from(1_000_000),
    "nice": _number(0, 19, "a whole number"),
    "theme": Allowed("dark, light or auto", lambda text: text in ("dark", "light", "auto")),
    "state_dir": Allowed("the path of a folder", lambda text: "\0" not in text),
}
"""By setting."""


def load_settings(project: Path, flags: dict[str, Any] | None = None, environment: dict[str, str] | None = None) -> Settings:
    """The settings in force for a project.

    Raises:
        UsageError: an unknown key, or a value that makes no sense; names the file or variable, and what is allowed.
    """
    given: dict[str, tuple[Any, str]] = {}
    file = project / "workbench.toml"
    if file.is_file():
        try:
            table = tomllib.loads(file.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{file}: {error}", "Mend the file; README lists every setting.") from error
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror}", "Make it readable, or take it away.") from error
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
    allowed = ALLOWED[name]
    with suppress(TypeError, ValueError, OverflowError):
        given = kind(value)
        alike = isinstance(value, str) or (kind is not str and not isinstance(value, bool) and given == value)
        if alike and allowed.fits(given):
            return given
    default = getattr(Settings(), name)
    raise UsageError(
        f"{where}: {name} = {value!r} makes no sense",
        f"{name} is {allowed.words}" + (f"; {default!r} where nothing is said." if default != "" else "."),
    )


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with `pipelines/`, or files opened without one, and the place where their state lives.

    `files` are the files or globs given on the command line, absolute; empty for a project folder. `root` of theirs may not be there yet.
    """

    root: Path
    state: Path
    files: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return shown(Path(self.files[0]).name if self.files else self.root.name)

    @property
    def standing(self) -> Path:
        """The folder that its processes work in: the root, or the deepest one above it that is there."""
        return next(folder for folder in (self.root, *self.root.parents) if folder.is_dir())

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
    return Project(Path(os.path.commonpath([_folder(f) for f in absolute])), state, absolute)


def _folder(pattern: str) -> str:
    """Where all files that a pattern may name are."""
    folder = os.path.dirname(pattern)
    while re.search(r"[*?\[]", folder) and not Path(folder).is_dir():
        folder = os.path.dirname(folder)
    return folder


def elsewhere(state: Path) -> str:
    """What is possible when a state folder cannot be written: an engine writes in it, even one that only answers."""
    if not (state / "data.duckdb").is_file():
        return "Name another folder with --state-dir."
    copy = "~/workbench-copy"
    return f"Make it writable; or ask a copy of what is stored: cp -r {shlex.quote(str(state))} {copy}, then --state-dir {copy}."


def _digest(text: str) -> str:
    return hashlib.blake2b(os.fsencode(text), digest_size=8).hexdigest()
