"""What panes, link and screen tell each other."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


class Frame(Message):
    """There is something new to draw; a burst of them is one."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Frame)


class Connected(Message):
    """The engine answers."""


@dataclass
class EngineLost(Message):
    """The engine does not answer any more, or never did."""

    reason: str


@dataclass
class Chosen(Message):
    """The cursor of a pane moved to another row."""

    pane: str
    row: str


@dataclass
class Opened(Message):
    """A person wants to go into a row."""

    pane: str
    row: str


@dataclass
class Toast(Message):
    """A line for the left end of the footer; `kind` is info, warning or error."""

    text: str
    kind: str = "info"


@dataclass
class Copy(Message):
    """Text for the clipboard; `what` says in words what it is."""

    text: str
    what: str


@dataclass
class PromptDone(Message):
    """The prompt was left: `accepted` by enter, or given up."""

    purpose: str
    value: str
    accepted: bool


@dataclass
class PromptChanged(Message):
    """The prompt's text, while it is typed."""

    purpose: str
    value: str
