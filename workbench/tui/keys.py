"""How keys are written: `^j`, `F5`, `?`, arrows."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import ActiveBinding, Binding
from textual.dom import DOMNode
from textual.screen import Screen

NAMES = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "exclamation_mark": "!",
    "escape": "esc",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "space": "space",
}


def short(binding: Binding) -> str:
    """The first key of a binding, as people write it."""
    return binding.key_display or name_of(binding.key.partition(",")[0])


def name_of(key: str) -> str:
    """A Textual key name as people write it."""
    if key.startswith("ctrl+"):
        return "^" + name_of(key.removeprefix("ctrl+"))
    if key.startswith("shift+"):
        return "shift " + name_of(key.removeprefix("shift+"))
    if len(key) > 1 and key[0] == "f" and key[1:].isdigit():
        return key.upper()
    return NAMES.get(key, key)


def nearest_first(screen: Screen[object]) -> list[ActiveBinding]:
    """The bindings that work now: those of the focused widget first, then its parents', each in the order they are written in."""
    focused = screen.focused
    chain: Sequence[DOMNode] = focused.ancestors_with_self if focused is not None else [screen]

    def order(active: ActiveBinding) -> tuple[int, int]:
        near = chain.index(active.node) if active.node in chain else len(chain)
        written = [b.action for b in type(active.node).BINDINGS if isinstance(b, Binding)]
        return near, written.index(active.binding.action) if active.binding.action in written else len(written)

    return sorted(screen.active_bindings.values(), key=order)
