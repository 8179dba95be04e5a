"""Writes README's tables of keys, commands, settings and system tables from the code: `python -m tests.readme`."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from textual.binding import Binding

import workbench.tui
from workbench.cli.arguments import COMMANDS, HIDDEN, QUARANTINE, Command
from workbench.config import Settings
from workbench.demo.starter import setting_texts
from workbench.engine.meanings import MEANINGS
from workbench.store.database import system_tables
from workbench.store.session import scratch
from workbench.tui.keys import name_of

README = Path(__file__).resolve().parents[1] / "README.md"


PANES = {
    "everywhere": ("app", "screens.main"),
    "in lists": ("listing",),
    "Streams": ("panes.streams", "widgets.streams", "widgets.tail", "widgets.state"),
    "one stream, zoomed": ("widgets.stream_zoom",),
    "Jobs": ("widgets.jobs", "widgets.job_zoom"),
    "Failures": ("panes.failures", "widgets.failures", "widgets.failure_rules", "widgets.failure_rows", "widgets.failure_detail"),
    "SQL": ("panes.sql", "widgets.editor", "widgets.result", "sheets.history"),
    "questions": ("sheets.question", "sheets.asking", "widgets.prompt"),
    "the welcome": ("screens.welcome",),
}
"""Where keys work, and the modules of the screen that say so."""


def keys() -> str:
    """Every key, from the bindings themselves."""
    found = _bindings()
    rows: list[tuple[str, ...]] = []
    for pane, modules in PANES.items():
        meanings: dict[str, list[str]] = {}
        for module in modules:
            for names, meaning in found.pop(module, []):
                meanings.setdefault(meaning, []).extend(names)
        pressed = (f"{' '.join(f'`{name}`' for name in dict.fromkeys(names))} {meaning}" for meaning, names in meanings.items())
        rows.append((pane, " · ".join(pressed)))
    assert not found, f"modules with keys that README has no place for: {sorted(found)}"
    return _table(("where", "keys"), rows)


def _bindings() -> dict[str, list[tuple[list[str], str]]]:
    """Module of the screen → (keys as people write them, meaning) of every binding that its classes add."""
    found: dict[str, list[tuple[list[str], str]]] = {}
    for info in pkgutil.walk_packages(workbench.tui.__path__, "workbench.tui."):
        module = importlib.import_module(info.name)
        for kind in vars(module).values():
            if not isinstance(kind, type) or kind.__module__ != info.name:
                continue
            for binding in vars(kind).get("BINDINGS", ()):
                if isinstance(binding, Binding) and binding.description and not binding.system:
                    names = [name_of(key) for key in binding.key.split(",")]
                    found.setdefault(info.name.removeprefix("workbench.tui."), []).append((names, binding.description))
    return found


def commands() -> str:
    """Every command a user may type."""
    rows = [("workbench [FILE…\\|DIR\\|ADDRESS…\\|-]", "open a project; or files, a socket, or what is piped in, without one")]
    for command in COMMANDS:
        if command.name == "quarantine":
            rows += [(f"workbench quarantine {_usage(kind)}", kind.about) for kind in QUARANTINE]
        elif command.name != HIDDEN:
            rows.append((f"workbench {_usage(command)}", command.about))
    rows.append(("workbench --version", "say which version this is"))
    return _table(("command", "what it does"), [(f"`{usage}`", about) for usage, about in rows])


def settings() -> str:
    """Every setting with its default."""
    about = setting_texts()
    defaults = Settings()
    rows = [(f"`{f.name}`", f"`{getattr(defaults, f.name)!r}`".replace("'", '"'), about[f.name].rstrip(".")) for f in fields(Settings)]
    return _table(("setting", "default", "meaning"), rows)


def tables() -> str:
    """Every system table with its columns, from the views themselves."""
    session = scratch()
    try:
        session.execute(system_tables())
        rows = []
        for name, meaning in MEANINGS.items():
            columns = [column for column, _ in session.describe(f"FROM workbench.{name}")]
            rows.append((f"`{name}`", meaning, " ".join(f"`{column}`" for column in columns)))
    finally:
        session.close()
    return _table(("table", "a row is", "columns"), rows)


def written(text: str) -> str:
    """README with its tables as they should be."""
    for name, table in {"keys": keys(), "commands": commands(), "settings": settings(), "tables": tables()}.items():
        text = re.sub(
            rf"(<!-- {name}: [^>]*-->\n).*?(<!-- /{name} -->)",
            lambda found, table=table: f"{found[1]}{table}{found[2]}",  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
    return text


def _usage(command: Command) -> str:
    """`sql [SQL] [--format …]`, with the bars of a choice escaped for a table."""
    parts = [command.name]
    for argument in command.arguments:
        name, options = argument.names[0], argument.options
        if not name.startswith("-"):
            metavar = str(options.get("metavar", name.upper())).replace("|", "\\|")
            parts.append({"?": f"[{metavar}]", "*": f"[{metavar}…]"}.get(str(options.get("nargs")), metavar))
        elif options.get("action") == "store_true":
            parts.append(f"[{name}]")
        else:
            value = "\\|".join(options["choices"]) if "choices" in options else options["metavar"]
            parts.append(f"[{name} {value}]")
    return " ".join(parts)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    README.write_text(written(README.read_text("utf-8")), "utf-8")
