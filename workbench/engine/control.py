"""Commands on streams: what each would do is said first, and done only as it was said."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from workbench.engine.catalog import Catalog
from workbench.engine.events import EventLog
from workbench.engine.sentences import listed
from workbench.engine.turn import in_turn
from workbench.errors import NotFound, PlanOutdated, UsageError, WorkbenchError
from workbench.language.definitions import (
    InsertFlow,
    MaterializedView,
    ReadFiles,
    ReadSocket,
    ReadStdin,
    SourceSpec,
    StreamingTable,
    StreamRef,
)
from workbench.protocol import Action, ControlPlan
from workbench.store.session import Session
from workbench.stream.flow import Flow
from workbench.stream.pump import Pump

Arguments = Mapping[str, Any]
LIMIT_HINT = "Write rows a second, such as 1000; none (null in JSON) lifts it."


@dataclass(slots=True)
class Intent:
    """What a command would do: `says` it in sentences, `work` does it in the writer's turn and tells what was done; None: it
    cannot be done, and `says` why, or need not be, since all is as it asks (`already`).

    `facts`: what the sentences rest on; when they change, the command has to be planned again. Numbers that grow while a stream runs
    are no facts: what comes meanwhile is part of what was shown.
    """

    says: list[str]
    work: Callable[[Session], str] | None = None
    facts: list[object] = field(default_factory=list)
    already: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What a name stands for: a streaming table with all its flows, or one flow of it.

    `flows`: names of those with a source of the outside world; `running`: what reads them, perhaps for other tables too.
    """

    table: StreamingTable
    flows: tuple[str, ...]
    derived: tuple[str, ...]
    running: tuple[Flow, ...]

    @property
    def others(self) -> tuple[str, ...]:
        """Flows that are read with the target's, from the same sources."""
        return tuple(name for flow in self.running for name in flow.names if name not in self.flows)


Planning = Callable[[Session, Target, Arguments], Intent]


class Control:
    """Plans commands and carries them out; each in the writer's turn, between two commits.

    Args:
        renew: builds these flows anew from what is stored; in the writer's turn.
        more: further actions.
    """

    def __init__(
        self,
        pump: Pump,
        catalog: Catalog,
        events: EventLog,
        renew: Callable[[Session, frozenset[str]], None],
        more: Mapping[Action, Planning],
    ) -> None:
        self._pump, self._catalog, self._events, self._renew = pump, catalog, events, renew
        self._actions: dict[Action, Planning] = {
            "pause": self._pause,
            "resume": self._resume,
            "stop": self._stop,
            "limit": self._limit,
            **more,
        }

    def plan(self, name: str, action: Action, arguments: Arguments) -> ControlPlan:
        """What a command would do; nothing is done."""

        def work(session: Session) -> ControlPlan:
            target, intent = self._intent(session, name, action, arguments)
            possible = intent.work is not None
            token = _token(target, action, arguments, intent) if possible else ""
            return ControlPlan(target.table.name, action, tuple(intent.says), possible, token, intent.already)

        return in_turn(self._pump, work)

    def carry_out(self, name: str, action: Action, token: str | None, arguments: Arguments) -> str:
        """Do what a plan said; what is as it asks already is left so, and said. Args: token: the plan's; None: whatever the plan is now.

        Raises:
            PlanOutdated: the plan would be another one now.
            UsageError: it cannot be done.
        """

        def work(session: Session) -> str:
            target, intent = self._intent(session, name, action, arguments)
            if intent.already:
                return " ".join(intent.says)
            if intent.work is None:
                raise UsageError(intent.says[0], " ".join(intent.says[1:]))
            if token is not None and token != _token(target, action, arguments, intent):
                raise PlanOutdated(
                    f"{target.table.name} is no longer as it was when this was planned: nothing was done",
                    f"Now it would be: {' '.join(intent.says)}",
                )
            done = intent.work(session)
            self._events.add("info", done, target.table.name)
            self._events.save(session)
            return done

        done = in_turn(self._pump, work)
        self._pump.wake()
        return done

    def _intent(self, session: Session, name: str, action: Action, arguments: Arguments) -> tuple[Target, Intent]:
        if action not in self._actions:
            raise UsageError(f"{action!r} is no action", f"There are {', '.join(get_args(Action))}.")
        target = self.target(session, name)
        return target, self._actions[action](session, target, arguments)

    def target(self, session: Session, name: str) -> Target:
        """What a name stands for.

        Raises:
            NotFound: no streaming table and no flow has it.
        """
        rows = session.execute("SELECT name, stream FROM _system.flows ORDER BY created_at, name")
        found = [row for row in rows if row[1].lower() == name.lower()] or [row for row in rows if row[0].lower() == name.lower()]
        table = self._catalog.graph.get(found[0][1] if found else name)
        if not found and isinstance(table, StreamingTable):
            raise UsageError(
                f"{table.name} does not run yet", self._catalog.waiting.get(table.name, "The problems of the pipelines say why.")
            )
        if not found or not isinstance(table, StreamingTable):
            other = self._catalog.graph.get(name)
            if isinstance(other, MaterializedView) and other.running is not None:
                raise UsageError(
                    f"{other.name} is a running state, no stream", f"Command the stream that it reads: {other.running.stream}."
                )
            raise NotFound(f"There is no streaming table {name}", "`workbench status` lists them.")
        sources = {flow: self.source_of(flow) for flow, _ in found}
        outside = tuple(flow for flow, source in sources.items() if source is not None and not isinstance(source, StreamRef))
        derived = tuple(flow for flow in sources if flow not in outside)
        running = tuple(flow for flow in self._pump.flows if set(flow.names) & set(outside))
        return Target(table, outside, derived, running)

    def source_of(self, flow: str) -> SourceSpec | StreamRef | None:
        definition = self._catalog.graph.get(flow)
        return definition.source if isinstance(definition, StreamingTable | InsertFlow) else None

    # Pause, resume, stop, limit

    def _pause(self, session: Session, target: Target, arguments: Arguments) -> Intent:
        takes(arguments)
        flags = self._flags(session, target)
        if all(paused or stopped for _, paused, stopped, _ in flags):
            how = "stopped" if all(stopped for _, _, stopped, _ in flags) else "paused"
            return already(f"{_subject(target)} is {how} already.", "Resume lets it go on.")

        def work(session: Session) -> str:
            self._set(session, target, "paused", True)
            self._each(session, target, _pause)
            return f"{_subject(target)} is paused; what arrives waits in its source"

        says = [f"{_subject(target)} reads nothing more until it is resumed, over restarts too. What was read is committed."]
        if held := self._windows(target):
            says.append(f"Windows that it could still have rows for stay open until then: {listed(held)}.")
        says += [f"{error.message}; a pause does not mend that." for error in _errors(target)]
        return Intent([*says, *self._waits(target), *_shared(target)], work, [flags])

    def _resume(self, session: Session, target: Target, arguments: Arguments) -> Intent:
        takes(arguments)
        flags = self._flags(session, target)
        failed = _errors(target)
        if not failed and not any(paused or stopped for _, paused, stopped, _ in flags):
            return already(f"{_subject(target)} runs already.")

        def work(session: Session) -> str:
            stopped = any(stopped for _, _, stopped, _ in flags)
            self._set(session, target, "paused", False)
            self._set(session, target, "stopped", False)
            self._each(session, target, Flow.resume, anew=stopped)
            return f"{_subject(target)} goes on"

        says = [f"{_subject(target)} goes on after what is committed."]
        says += [f"{error.message}." for error in failed]
        if any(stopped for _, _, stopped, _ in flags):
            says.append("Its source is opened again.")
        return Intent([*says, *_shared(target)], work, [flags, [error.message for error in failed]])

    def _stop(self, session: Session, target: Target, arguments: Arguments) -> Intent:
        takes(arguments)
        flags = self._flags(session, target)
        if all(stopped for _, _, stopped, _ in flags):
            return already(f"{_subject(target)} is stopped already.", "Resume opens its source again.")

        def work(session: Session) -> str:
            self._set(session, target, "stopped", True)
            self._renew(session, frozenset(target.flows))
            return f"{_subject(target)} is stopped; its source is closed"

        says = [f"{_subject(target)} closes its source and stays stopped, over restarts too; resume opens it again."]
        waiting = self._windows(target)
        says += [f"Until then no window waits for it: {listed(waiting)}."] if waiting else []
        return Intent([*says, *self._closes(target), *_shared(target)], work, [flags])

    def _windows(self, target: Target) -> list[str]:
        """The views whose windows close by the event time of these flows, among others."""
        views = self._pump.assembler.plan.views
        return [view.name for view in views if view.windows is not None and set(view.sources) & set(target.flows)]

    def _limit(self, session: Session, target: Target, arguments: Arguments) -> Intent:
        takes(arguments, "rows")
        if "rows" not in arguments:
            raise UsageError("A limit needs its rows a second", LIMIT_HINT)
        rate = _rate(arguments.get("rows"))
        flags = self._flags(session, target)
        before = {limit for _, _, _, limit in flags}
        if before == {rate}:
            return already(f"{_subject(target)} {'has no limit' if rate is None else f'reads at most {_speed(rate)}'} already.")

        def work(session: Session) -> str:
            self._set(session, target, "rate_limit", rate)
            self._each(session, target, lambda flow: _limit(flow, rate))
            return f"{_subject(target)} reads {'as fast as it can' if rate is None else f'at most {_speed(rate)}'}"

        was = ", ".join(_speed(limit) for limit in sorted(limit for limit in before if limit is not None))
        if rate is None:
            says = [f"{_subject(target)} reads as fast as it can again (until now at most {was})."]
        else:
            says = [f"{_subject(target)} reads at most {_speed(rate)}, over restarts too{f' (until now {was})' if was else ''}."]
        says += self._rests(target, flags) or ([] if rate is None else self._waits(target))
        return Intent([*says, *_shared(target)], work, [flags])

    def _rests(self, target: Target, flags: list[tuple[Any, ...]]) -> list[str]:
        """Why a stream reads nothing, whatever its limit; nothing when it reads."""
        if all(stopped for _, _, stopped, _ in flags):
            return ["It is stopped, and stays so until it is resumed."]
        if all(paused or stopped for _, paused, stopped, _ in flags):
            return ["It is paused, and stays so until it is resumed.", *self._waits(target)]
        return [f"{error.message}; it reads nothing until it is resumed." for error in _errors(target)]

    def _flags(self, session: Session, target: Target) -> list[tuple[Any, ...]]:
        """(name, paused, stopped, limit) of every flow that is concerned.

        Raises:
            UsageError: none has a source of its own.
        """
        if not target.flows:
            streams = sorted({ref.name for flow in target.derived if isinstance(ref := self.source_of(flow), StreamRef)})
            raise UsageError(
                f"{target.table.name} has no source of its own that runs", f"Command the stream that it reads: {', '.join(streams)}."
            )
        return session.execute(
            f"SELECT name, paused, stopped, rate_limit FROM _system.flows WHERE name IN ({_marks(target.flows)}) ORDER BY name",
            target.flows,
        )

    def _set(self, session: Session, target: Target, column: str, value: object) -> None:
        session.execute(f"UPDATE _system.flows SET {column} = ? WHERE name IN ({_marks(target.flows)})", [value, *target.flows])

    def _each(self, session: Session, target: Target, change: Callable[[Flow], None], anew: bool = False) -> None:
        """Let what is stored come into force: in the flows as they run, or in new ones where others share their sources."""
        if anew or target.others:
            self._renew(session, frozenset(target.flows))
        with self._pump.lock:
            for flow in self._pump.flows:
                if set(flow.names) <= set(target.flows):
                    change(flow)

    def _waits(self, target: Target) -> list[str]:
        """Where what arrives meanwhile waits."""
        said = []
        for source in dict.fromkeys(self.source_of(flow) for flow in target.flows):
            if isinstance(source, ReadFiles):
                said.append(f"What arrives waits in the files of {source.glob}.")
            elif isinstance(source, ReadSocket) and source.url.startswith(("udp:", "unixgram:")):
                said.append(f"Datagrams to {source.url} are kept up to the spool's limit; beyond it they are dropped and counted.")
            elif isinstance(source, ReadSocket):
                said.append(f"What senders write to {source.url} is kept up to the spool's limit; beyond it they wait.")
            elif isinstance(source, ReadStdin):
                said.append("Standard input is kept up to the spool's limit; beyond it its writer waits.")
        return said

    def _closes(self, target: Target) -> list[str]:
        said = []
        for source in dict.fromkeys(self.source_of(flow) for flow in target.flows):
            if isinstance(source, ReadFiles):
                said.append(f"The files of {source.glob} are closed; what arrives waits in them, as long as they are kept.")
            elif isinstance(source, ReadSocket) and (others := self._receivers(source, target)):
                said.append(
                    f"{source.url} is received on for {listed(others)}: what comes is kept for {_subject(target)} up to the spool's limit;"
                    " beyond it nothing more is received, for them neither."
                )
            elif isinstance(source, ReadSocket):
                lost = (
                    "datagrams sent meanwhile are lost, uncounted"
                    if source.url.startswith(("udp:", "unixgram:"))
                    else "senders are disconnected"
                )
                said.append(f"{source.url} is freed: {lost}. What was received stays in the spool.")
        return said

    def _receivers(self, source: ReadSocket, target: Target) -> list[str]:
        """Other flows that read the same address and are not stopped."""
        names = (name for flow in self._pump.flows if not flow.stopped for name in flow.names if name not in target.flows)
        return [name for name in names if isinstance(other := self.source_of(name), ReadSocket) and other.url == source.url]


def _subject(target: Target) -> str:
    return target.table.name if len(target.flows) != 1 else target.flows[0]


def _shared(target: Target) -> list[str]:
    return [f"{name} reads the same source and is not concerned: from now on it reads it by itself." for name in target.others]


def _errors(target: Target) -> list[WorkbenchError]:
    return [flow.error for flow in target.running if flow.error is not None]


def _speed(rate: float) -> str:
    return f"{rate:,.0f} rows/s" if rate >= 10 else f"{rate:g} rows/s"


def _pause(flow: Flow) -> None:
    flow.paused = True


def _limit(flow: Flow, rate: float | None) -> None:
    flow.allowance.limit(rate)
    flow.due_at = 0.0


def impossible(*says: str) -> Intent:
    """A command that cannot be done, and why."""
    return Intent(list(says))


def already(*says: str) -> Intent:
    """A command that asks for what is so: nothing has to be done."""
    return Intent(list(says), already=True)


def takes(arguments: Arguments, *known: str) -> None:
    """Raises UsageError: an argument that the action does not have."""
    if unknown := sorted(set(arguments) - set(known)):
        raise UsageError(
            f"{', '.join(unknown)} has no meaning here", f"It takes {', '.join(known)}." if known else "It takes no arguments."
        )


def _marks(names: tuple[str, ...]) -> str:
    return ", ".join("?" for _ in names)


def _rate(rows: object) -> float | None:
    if rows is None:
        return None
    if isinstance(rows, bool) or not isinstance(rows, int | float) or not 0 < rows < 1e12:
        raise UsageError(f"{rows!r} is no limit", LIMIT_HINT)
    return float(rows)


def _token(target: Target, action: str, arguments: Arguments, intent: Intent) -> str:
    told = [target.table.name, target.table.digest, sorted(target.flows), action, dict(sorted(arguments.items())), intent.facts]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:16]
