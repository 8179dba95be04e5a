"""What ctrl+p offers: everything that has a key, and the few things that have none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from textual.command import DiscoveryHit, Hit, Hits, Provider


class Command(NamedTuple):
    """A command: what it is called, what it does, the action that does it."""

    name: str
    help: str
    action: str


COMMANDS = (
    Command("go to…", "a stream, view, job, rule or pane by name (:)", "screen.goto"),
    Command("pause or follow the view", "ingestion goes on (space)", "screen.pause_view"),
    Command("pause or resume ingestion", "of the chosen stream (p)", "app.pause_stream"),
    Command("rewind stream…", "to its beginning, a commit, a time or an offset (r)", "screen.control('rewind')"),
    Command("read from the end", "the chosen stream leaves out what is unread (E)", "screen.control('end')"),
    Command("limit stream…", "at most so many rows/s (l)", "screen.control('limit')"),
    Command("stop stream", "the chosen one, until it is started again (S)", "screen.control('stop')"),
    Command("add column…", "for a field that no column holds yet (a)", "screen.add_column"),
    Command("late rows", "of the running state that is shown, in SQL (L)", "screen.ask('late')"),
    Command("windows", "of the running state that is shown, open and closed, in SQL (w)", "screen.ask('windows')"),
    Command("zoom", "the focused pane takes the whole screen (z)", "screen.zoom"),
    Command("copy", "the focused pane as SQL, a record as its line (y)", "screen.copy"),
    Command("export", "what the focused pane shows, as CSV (e)", "screen.export"),
    Command("problems", "mistakes in the pipelines, fields that no longer fit (!)", "app.problems"),
    Command("notices", "what happened lately: rotations, restarts, new fields", "app.notices"),
    Command("engine log", "its last lines", "app.log"),
    Command("dark or light", "changes the palette", "app.toggle_theme"),
    Command("mouse on or off", "off lets the terminal select text (F12)", "app.toggle_mouse"),
    Command("help", "the keys that work here (?)", "app.help"),
    Command("quit", "asks whether the engine goes on (q)", "app.leave"),
)


class Commands(Provider):
    """Our commands for Textual's palette."""

    async def discover(self) -> Hits:
        for command in COMMANDS:
            yield DiscoveryHit(command.name, self._run(command), help=command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in COMMANDS:
            score = matcher.match(command.name)
            if score > 0:
                yield Hit(score, matcher.highlight(command.name), self._run(command), help=command.help)

    def _run(self, command: Command) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await self.app.run_action(command.action, default_namespace=self.screen)

        return run
