"""The command line as a user types it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench import __version__

EPILOG = """\
Without a command: opens the project in a folder, or files: workbench [FILE…|DIR], also 'logs/*.ndjson';
what is piped in: producer | workbench -; what is sent to a socket: workbench tcp://localhost:5140 (udp, unix, unixgram).
Exit codes: 0 ok, 1 the pipelines or a query have errors, 2 wrong usage, 3 a flow or the engine failed, or it was not done.
"""
FORMATS = ("table", "csv", "ndjson", "json", "parquet", "arrow")
HIDDEN = "engine"


class Arguments(argparse.Namespace):
    """What was typed; the attributes of the chosen command are there too."""

    run: str
    """`module:function` inside this room."""
    project: str
    state_dir: str | None


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a command, as argparse wants it."""

    names: tuple[str, ...]
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `run` is `module:function` inside this room."""

    name: str
    run: str
    about: str
    arguments: tuple[Argument, ...] = ()


def _argument(*names: str, **options: Any) -> Argument:
    return Argument(names, options)


NAME = _argument("name", metavar="NAME")
YES = _argument("--yes", action="store_true", help="do it without asking")
INPUT_FORMAT = _argument("--format", choices=("json", "csv", "text"), help="of - or of a socket; default: as the first record looks")
THEME = _argument("--theme", choices=("dark", "light", "auto"), help="colours of the screen")

COMMANDS = (
    Command(
        "demo",
        "screen:demo",
        "open a copy of the sample project, fed with live events",
        (
            _argument("directory", metavar="DIR", nargs="?", help="where to copy it; default: a scratch folder"),
            _argument("--rate", type=float, default=2000.0, metavar="N", help="events a second (default: 2000)"),
            _argument("--no-screen", action="store_true", help="feed it and run its engine, without a screen, until Ctrl-C"),
            THEME,
        ),
    ),
    Command("init", "project:init", "write a small project that runs", (_argument("directory", metavar="DIR"),)),
    Command(
        "run",
        "run:run",
        "run the pipelines without a screen",
        (
            _argument("inputs", metavar="-|ADDRESS", nargs="*", help="instead of a project: what is piped in, or a socket's address"),
            _argument("--once", action="store_true", help="read all that is there, refresh what it triggers, and end"),
            INPUT_FORMAT,
        ),
    ),
    Command(
        "check",
        "check:check",
        "say what is wrong with the pipelines, by themselves and by what is stored",
        (_argument("--data", action="store_true", help="prove the stored data: sums, offsets and running states"),),
    ),
    Command(
        "status",
        "ask:status",
        "say how streams and jobs are doing",
        (_argument("--json", action="store_true", help="as JSON"),),
    ),
    Command(
        "sql",
        "query:sql",
        "print the result of a query",
        (
            _argument("sql", metavar="SQL", nargs="?", help="the query; - or nothing: standard input"),
            _argument("--format", choices=FORMATS, help="default: by FILE's ending, else table"),
            _argument("--output", metavar="FILE", help="write the result here"),
        ),
    ),
    Command("quarantine", "ask:quarantine_list", "list rejected records, or show one"),
    Command(
        "refresh",
        "ask:refresh",
        "refresh a materialized view and wait for it",
        (NAME, _argument("--full", action="store_true", help="recompute everything from the stored rows")),
    ),
    Command("pause", "control:pause", "pause a stream: what arrives waits in its source", (NAME,)),
    Command("resume", "control:resume", "go on with a paused, stopped or failed stream", (NAME,)),
    Command(
        "stop",
        "control:stop",
        "stop the engine (everything committed stays), or close one stream's source",
        (_argument("name", metavar="NAME", nargs="?", help="a stream; it stays stopped until it is resumed"), YES),
    ),
    Command(
        "rewind",
        "control:rewind",
        "put a stream back to an earlier place and replay it from there",
        (
            NAME,
            _argument("--to-commit", type=int, metavar="N", help="as it was after that commit"),
            _argument("--to-time", metavar="TIME", help="as it was then: 2026-01-31 10:00, 10:00, '10 min ago'; UTC unless it has a zone"),
            _argument("--to-offset", metavar="FILE:BYTE", help="so far that the record at that byte is read again"),
            _argument("--to-row", metavar="FILE:LINE", help="so far that this line is read again"),
            _argument("--to-beginning", action="store_true", help="read everything again"),
            YES,
        ),
    ),
    Command("skip", "control:skip", "read a stream on from the end as it is then; what is unread is passed over", (NAME, YES)),
    Command(
        "limit",
        "control:limit",
        "let a stream read at most so many rows a second",
        (NAME, _argument("rate", metavar="ROWS", help="a second, also 20k; none lifts the limit")),
    ),
    Command(
        "drift",
        "control:drift",
        "list fields that no longer fit the columns",
        (_argument("name", metavar="NAME", nargs="?", help="of one stream"), _argument("--json", action="store_true", help="as JSON")),
    ),
    Command(
        "add-column",
        "control:add_column",
        "add the column of a field that a stream's records have",
        (NAME, _argument("field", metavar="FIELD"), YES),
    ),
    Command(
        HIDDEN,
        "engine:engine",
        "the engine process",
        (
            _argument("files", nargs="*"),
            _argument("--root", required=True),
            _argument("--flows-off", action="store_true"),
        ),
    ),
)
QUARANTINE = (
    Command(
        "list",
        "ask:quarantine_list",
        "the newest rejected records",
        (
            _argument("--stream", default="", metavar="NAME", help="of one streaming table"),
            _argument("--rule", default="", metavar="RULE", help="that broke one rule"),
            _argument("--limit", type=int, default=50, metavar="N", help="at most so many (default: 50)"),
            _argument("--json", action="store_true", help="as JSON"),
        ),
    ),
    Command(
        "show",
        "ask:quarantine_show",
        "one record: raw line, place, every broken rule",
        (_argument("id", type=int, metavar="ID"), _argument("--json", action="store_true", help="as JSON")),
    ),
)
OPEN = Command("", "screen:open_screen", "", (_argument("paths", metavar="FILE|DIR|ADDRESS|-", nargs="*"), INPUT_FORMAT, THEME))


def parse(argv: Sequence[str]) -> Arguments:
    """What was typed. Ends the process as argparse does: 0 for --help and --version, 2 for a mistake."""
    names = {c.name for c in COMMANDS}
    first = next((a for a in _without_common(argv) if not a.startswith("-")), None)
    if first in names or (first is None and not _opens(argv)):
        return _parser(first if _opens(argv) else None).parse_args(argv, Arguments())
    parser = argparse.ArgumentParser("workbench", allow_abbrev=False, add_help=False)
    _add_common(parser, top=True)
    _add(parser, OPEN)
    return parser.parse_args(argv, Arguments())


def _opens(argv: Sequence[str]) -> bool:
    return not any(a in ("-h", "--help", "--version") for a in argv)


def _without_common(argv: Sequence[str]) -> list[str]:
    """The arguments without the common options' values, which are no commands."""
    rest: list[str] = []
    skip = False
    for argument in argv:
        if not skip:
            rest.append(argument)
        skip = not skip and argument in ("--project", "--state-dir", "--theme", "--format")
    return rest


def _parser(only: str | None = None) -> argparse.ArgumentParser:
    """Knows all commands, or `only` one: all cost 4 ms of every start."""
    parser = argparse.ArgumentParser(
        "workbench",
        usage="workbench [FILE…|DIR|ADDRESS|-] | workbench COMMAND …",
        description="A data engineer's terminal: streams, jobs, failures and SQL on one screen.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"workbench {__version__} (Python {sys.version.split()[0]})")
    _add_common(parser, top=True)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", required=True, prog="workbench")
    for command in (c for c in COMMANDS if only in (None, c.name)):
        sub = _subparser(commands, command)
        if command.name == "quarantine":
            kinds = sub.add_subparsers(metavar="list|show", required=True, prog="workbench quarantine")
            for kind in QUARANTINE:
                _subparser(kinds, kind)
    return parser


def _subparser(parsers: argparse._SubParsersAction[argparse.ArgumentParser], command: Command) -> argparse.ArgumentParser:
    listed: dict[str, Any] = {} if command.name == HIDDEN else {"help": command.about}
    about = f"{command.about[:1].upper()}{command.about[1:]}."
    parser = parsers.add_parser(command.name, description=about, allow_abbrev=False, **listed)
    _add_common(parser, top=False)
    _add(parser, command)
    return parser


def _add(parser: argparse.ArgumentParser, command: Command) -> None:
    parser.set_defaults(run=command.run)
    for argument in command.arguments:
        parser.add_argument(*argument.names, **argument.options)


def _add_common(parser: argparse.ArgumentParser, top: bool) -> None:
    """Before or after the command's name; what is given after it wins."""
    absent = argparse.SUPPRESS
    parser.add_argument("--project", metavar="DIR", default=os.curdir if top else absent, help="the project's folder (default: here)")
    parser.add_argument("--state-dir", metavar="DIR", default=None if top else absent, help="where its database lives")
