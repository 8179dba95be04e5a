"""The bottom line: what the keys do here, made from the bindings; a toast takes its left end for four seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.binding import Binding

from workbench.tui.keys import nearest_first, short
from workbench.tui.line import Line
from workbench.tui.live import Live
from workbench.tui.text import cut, visible, width
from workbench.tui.widgets.told import Told

TOAST = 4.0
"""Seconds."""
KEPT = 14
"""Cells that a toast leaves."""


class Footer(Live):
    """Keys of the focused pane first, then those of the screen, as far as there is room; `?` is always there."""

    DEFAULT_CSS = "Footer { height: 1; }"

    toast = ""
    kind = "info"
    until = 0.0
    told: Told | None = None
    """Where a message goes that does not fit here; without it, it is cut."""
    first: Sequence[tuple[str, str]] = ()
    """Keys and words that come before those of the bindings."""

    def say(self, text: str, kind: str = "info", *, whole: bool = True) -> None:
        """Shows a toast; a message and its hint stand on one line. One that does not fit stands above, all of it (`whole`)."""
        toast = "  ".join(part.strip() for part in text.splitlines())
        self.toast, self.kind, self.until = toast, kind, self.picture.clock() + TOAST
        if self.told is not None:
            self.told.hide()
            if whole and width(visible(toast)) > self.app.size.width - KEPT:
                self.toast = ""
                self.told.show(toast, kind, TOAST)
        self.frame()

    def build(self, cells: int) -> list[Line]:
        p, g = self.palette, self.look.glyphs
        line = self.line(cells, p.band).gap()
        if self.toast and self.picture.clock() < self.until:
            glyph, colour = {"info": (g.done, p.alive), "warning": (g.late, p.late)}.get(self.kind, (g.fail, p.fail))
            line.put(f"{glyph} ", colour, bold=True).put(cut(visible(self.toast), cells - KEPT, g.ellipsis), p.bright).gap(3)
        pairs = self.first or [(short(binding), binding.description) for binding in self._bindings_here()]
        for key, word in pairs:
            if line.x + width(key) + width(word) + 1 > cells - 8:
                break
            line.key(key, word).gap(3)
        working = self.screen.active_bindings
        key = "?" if "question_mark" in working else "F1" if "f1" in working else ""
        return [line.to(cells - 6 - width(key)).key(key, "help") if key else line]

    def _bindings_here(self) -> Iterable[Binding]:
        seen: set[str] = set()
        for active in nearest_first(self.screen):
            binding = active.binding
            if binding.show and active.enabled and binding.action not in seen and binding.key != "question_mark":
                seen.add(binding.action)
                yield binding
