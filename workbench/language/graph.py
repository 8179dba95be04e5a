"""All definitions of a project, each after everything that it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches

from workbench.errors import Problem
from workbench.language.definitions import (
    Definition,
    Drop,
    Graph,
    InsertFlow,
    ReadSocket,
    Refresh,
    StreamingTable,
    StreamRef,
    TemporaryView,
)
from workbench.language.references import Reference
from workbench.language.spelling import respelled
from workbench.language.statements import Parsed


def build(found: list[Parsed]) -> tuple[Graph, list[Problem]]:
    """The graph of all sound definitions, and every mistake: in statements, of names, and between definitions.

    A definition that reads an unsound one is left out of the graph without a problem of its own.
    """
    problems = [problem for parsed in found for problem in parsed.problems]
    problems += [_command(parsed) for parsed in found if isinstance(parsed.statement, (Refresh, Drop))]
    named: dict[str, Parsed] = {}
    unsound: set[str] = set()
    for parsed in found:
        if parsed.name is None or isinstance(parsed.statement, (Refresh, Drop)):
            continue
        first = named.setdefault(parsed.name.text.lower(), parsed)
        if first is not parsed:
            problems.append(_twice(parsed, first))
            unsound.add(parsed.name.text.lower())
    unsound |= {name for name, parsed in named.items() if parsed.statement is None}
    written = _written(found)
    for name, parsed in named.items():
        wrong = _references(parsed, named, unsound) + _targets(parsed, named, unsound, written)
        problems += wrong
        if wrong:
            unsound.add(name)
    problems += _cycles(named, unsound) + _sockets(named, unsound)
    return Graph(_ordered(named, unsound)), sorted(problems, key=lambda p: (p.file, p.line, p.column))


def reads(definition: Definition) -> tuple[str, ...]:
    """Names of the project that a definition reads, its streams first."""
    if not isinstance(definition, (StreamingTable, InsertFlow)):
        return definition.tables
    if definition.query is None:
        return ()
    stream = (definition.source.name,) if isinstance(definition.source, StreamRef) else ()
    right = (definition.query.join.right,) if definition.query.join else ()
    return (*stream, *right, *definition.query.tables)


def stored_tables(graph: Graph, names: Iterable[str]) -> tuple[str, ...]:
    """These names without temporary views: what they read, down to what is stored."""
    found: dict[str, None] = {}
    rest = list(names)
    seen: set[str] = set()
    while rest:
        definition = graph.get(rest.pop(0))
        if definition is None or definition.name in seen:
            continue
        seen.add(definition.name)
        if isinstance(definition, TemporaryView):
            rest += definition.tables
        else:
            found[definition.name] = None
    return tuple(found)


def _reads(parsed: Parsed) -> list[Reference]:
    """Everything that a definition reads, the streams first."""
    return [reference for reference in (parsed.stream, parsed.right) if reference] + list(parsed.tables)


def _writers(named: dict[str, Parsed], name: str) -> list[str]:
    """The flows (CREATE FLOW) that write into a table."""
    return [key for key, parsed in named.items() if parsed.target is not None and parsed.target.name.lower() == name]


def _sockets(named: dict[str, Parsed], unsound: set[str]) -> list[Problem]:
    """What is sent to an address is received once for all that read it: they cannot say different things of it."""
    out: list[Problem] = []
    first: dict[str, tuple[str, ReadSocket]] = {}
    for name, parsed in named.items():
        source = parsed.statement.source if isinstance(parsed.statement, StreamingTable | InsertFlow) else None
        if not isinstance(source, ReadSocket) or name in unsound:
            continue
        other, known = first.setdefault(source.url, (name, source))
        different = [option for option in _RECEIVED if getattr(known, option) != getattr(source, option)]
        if different or _quotes(known) != _quotes(source):
            word = next(token for token in parsed.tokens if token.kind == "stream" or token.key == "read_socket")
            message = f"{source.url} is received once, and {_spelled(named, other)} says another {' and '.join(different)} of it"
            hint = f"Give {' and '.join(different)} the same value in both, or read two addresses."
            if not different:
                why = f"where a record of it ends is not the same for {_spelled(named, other)}: CSV may have newlines in quotes"
                message, hint = f"{source.url} is received once, and {why}", _APART
            out.append(parsed.text.problem(word.start, word.stop, message, hint))
            unsound.add(name)
    return out


_RECEIVED = ("mode", "framing", "max_line", "spool")
"""Options that say how an address is received, not what becomes of its records."""
_APART = (
    "If none are quoted, give the CSV one quote => ''; else both the same format, delimiter and quote,"
    " or framing => 'octet' or 'nul', or read two addresses."
)


def _quotes(source: ReadSocket) -> tuple[str, str] | None:
    """What newlines that end no record are told by; None where every line is one, or the framing tells."""
    given = dict(source.options)
    quote = given.get("quote", '"') if source.format == "csv" and source.framing == "newline" else ""
    return (quote, given.get("delimiter", ",")) if quote else None


def _command(parsed: Parsed) -> Problem:
    word = parsed.tokens[0]
    hint = "Run it in the SQL pane or with `workbench sql`; files in pipelines/ hold definitions only."
    return parsed.text.problem(word.start, word.stop, f"{word.text.upper()} is a command, not a definition", hint)


def _twice(parsed: Parsed, first: Parsed) -> Problem:
    assert parsed.name is not None
    assert first.name is not None
    place = first.text.span(first.name.start, first.name.stop)
    message = f"{parsed.name.text} is defined twice: first in {place.file}:{place.line}:{place.column}"
    return parsed.text.problem(
        parsed.name.start, parsed.name.stop, message, "Rename or remove one of them; letter case does not tell names apart."
    )


def _references(parsed: Parsed, named: dict[str, Parsed], unsound: set[str]) -> list[Problem]:
    out = []
    for reference in _reads(parsed):
        target = named.get(reference.name.lower())
        if target is None:
            out.append(_unknown(parsed, reference, named))
        elif reference.name.lower() in unsound or isinstance(target.statement, StreamingTable):
            continue
        elif reference in (parsed.stream, parsed.right):
            message = f"{reference.name} is no streaming table: only rows that are added once can be read as a STREAM"
            hint = f"Read it as a table: leave out STREAM (and write TRIGGER ON UPDATE), or read STREAM of what {reference.name} reads."
            if isinstance(target.statement, InsertFlow):
                message = f"{reference.name} is a flow: its rows are in {target.statement.table}"
                hint = f"Read STREAM {target.statement.table}."
            out.append(_at(parsed, reference, message, hint))
        elif isinstance(target.statement, InsertFlow):
            message = f"{reference.name} is a flow: its rows are in {target.statement.table}"
            out.append(_at(parsed, reference, message, f"Read {target.statement.table}."))
    return out


def _written(found: list[Parsed]) -> Callable[[str], bool]:
    """Whether a flow names a table; a flow that cannot be read may name any."""
    targets = {parsed.target.name.lower() for parsed in found if parsed.target}
    unread = any(parsed.flow and not parsed.target and parsed.problems for parsed in found)
    return lambda name: unread or name.lower() in targets


def _targets(parsed: Parsed, named: dict[str, Parsed], unsound: set[str], written: Callable[[str], bool]) -> list[Problem]:
    """What is wrong between flows and the tables that they write into."""
    statement = parsed.statement
    if parsed.name is not None and isinstance(statement, StreamingTable) and statement.source is None:
        typed = parsed.text.file.startswith("<")  # its flow may be typed next
        if typed or written(parsed.name.text):
            return []
        message = f"nothing writes into {parsed.name.text}: it has no query, and no flow names it"
        hint = f"Write CREATE FLOW … AS INSERT INTO {parsed.name.sql} BY NAME SELECT …, or AS SELECT … FROM STREAM … in the table."
        return [parsed.text.problem(parsed.name.start, parsed.name.stop, message, hint)]
    if parsed.target is None or statement is None:
        return []
    target = named.get(parsed.target.name.lower())
    if target is None:
        return [_unknown(parsed, parsed.target, named)]
    if parsed.target.name.lower() in unsound or isinstance(target.statement, StreamingTable):
        return []
    message = f"{parsed.target.name} is no streaming table: a flow can only add rows to one"
    hint = "Declare CREATE STREAMING TABLE … (columns), and write into that."
    return [_at(parsed, parsed.target, message, hint)]


def _unknown(parsed: Parsed, reference: Reference, named: dict[str, Parsed]) -> Problem:
    names = {key: target.name.text for key, target in named.items() if target.name and not target.flow and target is not parsed}
    near = get_close_matches(reference.name.lower(), list(names), 1)
    if near:
        hint = f"Did you mean {names[near[0]]}?"
    elif names:
        hint = f"The project's tables: {', '.join(list(names.values())[:8])}{', …' if len(names) > 8 else ''}."
    else:
        hint = "The project has no other table."
    return _at(parsed, reference, f"there is no table {reference.name}", hint)


def _at(parsed: Parsed, reference: Reference, message: str, hint: str) -> Problem:
    return parsed.text.problem(reference.token.start, reference.token.stop, message, hint)


def _cycles(named: dict[str, Parsed], unsound: set[str]) -> list[Problem]:
    """A problem for each cycle, at the reference that closes it; everything on it becomes unsound."""
    out: list[Problem] = []
    done: set[str] = set()
    told: list[list[str]] = []

    def visit(name: str, path: list[str]) -> None:
        for parsed, reference, target in _needs(named, name):
            if target in path:
                around = path[path.index(target) :]
                unsound.update(around)
                if around in told:
                    continue
                told.append(around)
                names = " → ".join(_spelled(named, key) for key in (*around, target))
                hint = "A definition cannot read itself, not even through others: break the circle."
                out.append(_at(parsed, reference, f"these definitions read each other in a circle: {names}", hint))
            elif target in named and target not in done:
                visit(target, [*path, target])
        done.add(name)

    for name in named:
        if name not in done:
            visit(name, [name])
    return out


def _needs(named: dict[str, Parsed], name: str) -> list[tuple[Parsed, Reference, str]]:
    """Edges to all whose rows come before those of a definition: what it reads, and the flows that write into it."""
    edges = [(named[name], reference, reference.name.lower()) for reference in _reads(named[name])]
    for writer in _writers(named, name):
        target = named[writer].target
        assert target is not None
        edges.append((named[writer], target, writer))
    return edges


def _spelled(named: dict[str, Parsed], key: str) -> str:
    name = named[key].name
    return name.text if name else key


def _ordered(named: dict[str, Parsed], unsound: set[str]) -> tuple[Definition, ...]:
    out: dict[str, Definition] = {}
    bad = set(unsound)
    names = {key: _spelled(named, key) for key in named}

    def place(name: str) -> bool:
        if name in bad:
            return False
        if name in out:
            return True
        read = [reference.name.lower() for reference in _reads(named[name])]
        target = named[name].target
        if not all(place(key) for key in (*([target.name.lower()] if target else []), *read)):
            bad.add(name)
            return False
        for key in read:
            for writer in _writers(named, key):
                place(writer)
        statement = named[name].statement
        assert statement is not None
        assert not isinstance(statement, (Refresh, Drop))
        out[name] = respelled(statement, names)
        return True

    for name in named:
        place(name)
    return tuple(out.values())
