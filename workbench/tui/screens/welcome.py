"""The welcome, in a folder with neither pipelines nor files: three ways in by one letter each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from workbench.tui.choice import ExitChoice
from workbench.tui.line import Line
from workbench.tui.listing import Listing
from workbench.tui.look import Look
from workbench.tui.messages import Opened, PromptDone
from workbench.tui.palette import GRAPHITE, PAPER
from workbench.tui.picture import Picture
from workbench.tui.text import cut, width
from workbench.tui.theme import theme_of
from workbench.tui.widgets.footer import Footer
from workbench.tui.widgets.prompt import Prompt
from workbench.tui.widgets.small import TooSmall


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the welcome knows about the place it is shown in.

    Attributes:
        folder: as a person writes it, `~/data/shop`.
        files: names of files that can be opened, and their `size` together, formatted.
        running: a project whose engine runs, to attach to; `running_path` its folder, `running_note` a few words.
    """

    folder: str
    files: tuple[str, ...] = ()
    size: str = ""
    running: str = ""
    running_path: str = ""
    running_note: str = "engine still runs"


class WelcomePane(Listing):
    """A skyline, a sentence about this folder, the choices, the shell's way, a running engine if there is one."""

    def __init__(self, picture: Picture, facts: Welcome) -> None:
        super().__init__(picture, id="welcome")
        self.facts = facts
        self._choices_at: list[int] = []

    def choices(self) -> list[tuple[str, str, str, str]]:
        """(key, name, what it does, a quantity)."""
        files = "  ".join(self.facts.files[:4]) + ("  …" if len(self.facts.files) > 4 else "")
        return [
            ("d", "demo", "a shop that runs: 2,000 events a second, some bad", "5 s"),
            ("o", "open", files or "a file or a glob: NDJSON, CSV, text, Parquet", self.facts.size),
            ("i", "init", "write a small project into this folder", ""),
        ]

    def rows(self) -> Sequence[str]:
        return [name for _, name, _, _ in self.choices()]

    def build(self, cells: int) -> list[Line]:
        rows = self.size.height
        p = self.palette
        wide = min(72, cells - 8)
        x = (cells - wide) // 2
        tight = rows < 28
        out = [self.line(cells) for _ in range(max(0 if tight else 1, (rows - 24) // 2))]
        out += self._skyline(cells, x, wide)
        blank = self.line(cells)
        head = self.line(cells).gap(x).put(f"{self.look.glyphs.logo} ", p.here, bold=True).put("workbench", p.bright, bold=True)
        out += [blank, head.put("   a live SQL terminal for files and streams", p.muted), blank, self._sentence(cells, x, wide), blank]
        self._choices_at = []
        for place, choice in enumerate(self.choices()):
            self._choices_at.append(len(out))
            out.append(self._choice(cells, x, wide, place, choice))
            if place < 2 and not tight:
                out.append(blank)
        out += [blank] if tight else [blank, blank]
        out.append(self.line(cells).gap(x).put("or, in a shell", p.faint).gap().put(self.look.glyphs.line * (wide - 15), p.rule))
        for command, argument, meaning in (
            ("workbench ", "'logs/*.ndjson'", "follow files, no project needed"),
            ("workbench sql ", '"select …"', "one answer on stdout"),
            ("workbench check", "", "all errors of a project at once"),
        ):
            line = self.line(cells).gap(x).put(command, p.text).put(argument, p.alive)
            out.append(line.to(x + 35).put(meaning, p.muted))
        if self.facts.running:
            line = self.line(cells).gap(x).put("running", p.faint).gap(2).put(self.facts.running, p.text)
            line.put(f"  {self.look.glyphs.run} {self.facts.running_note}", p.alive).gap(3)
            out += [blank, line.key("a", "attach")]
        return out

    def _skyline(self, cells: int, x: int, wide: int) -> list[Line]:
        p, steps = self.palette, self.look.glyphs.eighths
        heights = [min(1.0, 0.08 + 0.8 * (i / wide) ** 1.6 * (0.75 + 0.5 * _noise(31, i)) + 0.1 * _noise(5, i)) for i in range(wide)]
        out: list[Line] = []
        for row in (2, 1, 0):
            text = "".join(steps[max(0, min(8, round(h * 24) - row * 8))] for h in heights)
            out.append(self.line(cells).gap(x).put(text[:-1], p.data).put(text[-1], p.here))
        return out

    def _sentence(self, cells: int, x: int, wide: int) -> Line:
        p, number = self.palette, len(self.facts.files)
        line = self.line(cells).gap(x).put("No pipelines here. ", p.text)
        if not number:
            return line.put(cut(f"{self.facts.folder} is a good place for a project.", wide - 19), p.muted)
        many = "1 file" if number == 1 else f"{number} files"
        return line.put(cut(self.facts.folder, wide - 19 - 32), p.muted).put(f" has {many} that can be opened.", p.text)

    def _choice(self, cells: int, x: int, wide: int, place: int, choice: tuple[str, str, str, str]) -> Line:
        p, chosen = self.palette, place == self.place
        key, name, what, amount = choice
        inner = self.mark(self.line(wide + 2, p.select if chosen else p.ground), chosen)
        inner.put(f" {key} ", p.here, bold=True).gap().left(name, 7, p.bright, bold=True)
        inner.left(what, wide - 11 - max(8, width(amount) + 2), p.text if chosen else p.muted)
        inner.right(amount, inner.room - 1, p.muted if chosen else p.faint)
        return self.line(cells).gap(x - 2).add(inner)

    def on_click(self, event: events.Click) -> None:
        if event.y in self._choices_at:
            self.go(self._choices_at.index(event.y))
            self.action_open()


class WelcomeScreen(Screen[None]):
    """Ends the app with what was chosen."""

    DEFAULT_CSS = "WelcomeScreen { layout: vertical; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "choose('demo')", "demo"),
        Binding("o", "choose('open')", "open"),
        Binding("i", "choose('init')", "init"),
        Binding("a", "choose('attach')", "attach"),
        Binding("q,escape,ctrl+q,ctrl+c", "choose('quit')", "quit"),
    ]

    def __init__(self, picture: Picture, facts: Welcome) -> None:
        super().__init__()
        self._facts = facts
        self._pane, self._small = WelcomePane(picture, facts), TooSmall(picture)
        self._footer, self._prompt = Footer(picture), Prompt(picture)
        attach = [("a", "attach")] if facts.running else []
        self._footer.first = [("d", "demo"), ("o", "open"), ("i", "init"), *attach, ("↑↓ enter", "choose"), ("q", "quit")]

    def compose(self) -> ComposeResult:
        yield self._small
        yield self._pane
        yield self._footer
        yield self._prompt

    def on_mount(self) -> None:
        self._arrange(self.app.size.width, self.app.size.height)
        self._pane.focus()

    def on_resize(self) -> None:
        self._arrange(self.app.size.width, self.app.size.height)

    def _arrange(self, cells: int, rows: int) -> None:
        small = cells < 80 or rows < 20
        self._small.display, self._pane.display = small, not small

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (action == "choose" and parameters == ("attach",) and not self._facts.running)

    def on_opened(self, message: Opened) -> None:
        self.action_choose(message.row)

    def on_prompt_done(self, message: PromptDone) -> None:
        self._footer.display = True
        self._pane.focus()
        if message.accepted and message.value.strip():
            self.app.exit(ExitChoice("open", message.value.strip()))

    def action_choose(self, what: str) -> None:
        if what == "open":
            self._footer.display = False
            first = self._facts.files[0] if self._facts.files else ""
            self._prompt.ask("path", "open", first, hint="a file or a glob; enter opens it, esc goes back")
        elif what == "attach":
            self.app.exit(ExitChoice("attach", self._facts.running_path))
        else:
            self.app.exit(ExitChoice({"demo": "demo", "init": "init"}.get(what, "quit")))  # type: ignore[arg-type]


class WelcomeApp(App[ExitChoice]):
    """Only the welcome."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "WelcomeScreen { background: $background; }"

    def __init__(self, look: Look, facts: Welcome) -> None:
        super().__init__()
        self._screen = WelcomeScreen(Picture("", look), facts)
        for palette in (GRAPHITE, PAPER):
            self.register_theme(theme_of(palette))
        self.theme = look.palette.name

    def get_default_screen(self) -> Screen[None]:
        return self._screen


def run_welcome(facts: Welcome, look: Look) -> ExitChoice:
    """Shows the welcome.

    Returns:
        `demo`, `init`, `open` or `attach` with a path, or `quit`.
    """
    return WelcomeApp(look, facts).run() or ExitChoice("quit")


def _noise(seed: int, i: int) -> float:
    x = math.sin(seed * 127.1 + i * 311.7) * 43758.5453
    return x - math.floor(x)
