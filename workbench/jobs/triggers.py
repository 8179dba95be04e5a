"""TRIGGER ON UPDATE: which views a change makes due, and when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from workbench.language.definitions import Graph, MaterializedView, TemporaryView
from workbench.store.names import literal
from workbench.store.session import Session

AT_MOST_EVERY = 1.0
"""Seconds between two runs of a view that names no AT MOST EVERY."""


class Triggers:
    """Collects updates and hands out the views that are due; time is passed in. Safe from any thread: no update is lost while definitions
    change or views are handed out, and each is handed out once.

    Views read through temporary views; a view that was refreshed is an update for those that read it.
    """

    def __init__(self, graph: Graph) -> None:
        self._lock = threading.Lock()
        self._views: dict[str, MaterializedView] = {}
        self._inputs: dict[str, set[str]] = {}
        self._due: dict[str, str] = {}
        self._ran: dict[str, float] = {}
        self.follow(graph)

    def follow(self, graph: Graph) -> None:
        """Go by these definitions; what was due under the ones before stays due."""
        views = {d.name: d for d in graph.definitions if isinstance(d, MaterializedView) and d.trigger and not d.running}
        inputs = {name: _inputs(view, graph) for name, view in views.items()}
        with self._lock:
            self._views, self._inputs = views, inputs
            self._due = {name: cause for name, cause in self._due.items() if name in views}

    def updated(self, names: Iterable[str]) -> None:
        """Some datasets have new content."""
        changed = {name.lower(): name for name in names}
        with self._lock:
            for view, inputs in self._inputs.items():
                cause = next((changed[name] for name in inputs if name in changed), None)
                if cause:
                    self._due.setdefault(view, f"update of {cause}")

    def catch_up(self, session: Session) -> None:
        """Make due what changed while no engine ran, or was not refreshed before the last one ended."""
        for view, inputs in list(self._inputs.items()):
            since = f"coalesce((SELECT max(started_at) FROM _system.job_runs WHERE job = {literal(view)} AND state = 'done'), '-infinity')"
            changed = session.execute(
                f'SELECT DISTINCT stream FROM _system.commits WHERE "at" > {since}'
                f" UNION SELECT job FROM _system.job_runs WHERE state = 'done' AND started_at > {since}"
            )
            news = {name for (name,) in changed if name.lower() in inputs}
            if news:
                with self._lock:
                    self._due.setdefault(view, f"update of {min(news)}")

    def run_due(self, now: float, enqueue: Callable[[MaterializedView, str], object], force: bool = False) -> None:
        """Hand out the views whose time has come; `force` does not wait for AT MOST EVERY."""
        with self._lock:
            for name in list(self._due):
                view = self._views[name]
                pause = (view.trigger.at_most_every if view.trigger else 0.0) or AT_MOST_EVERY
                if force or now - self._ran.get(name, float("-inf")) >= pause:
                    self._ran[name] = now
                    enqueue(view, self._due.pop(name))


def _inputs(view: MaterializedView, graph: Graph) -> set[str]:
    """Lower-case names whose updates change what a view shows."""
    found: set[str] = set()
    waiting = [name.lower() for name in view.tables]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        definition = graph.get(name)
        if isinstance(definition, TemporaryView):
            waiting += [t.lower() for t in definition.tables]
        elif isinstance(definition, MaterializedView) and definition.running:
            waiting.append(definition.running.stream.lower())
    return found
