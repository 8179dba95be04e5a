"""How a person left the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ExitKind = Literal["leave", "stop", "quit", "demo", "init", "open", "attach"]


@dataclass(frozen=True, slots=True)
class ExitChoice:
    """What the caller does next.

    Attributes:
        kind: `leave` the engine running, `stop` (already asked of the engine), `quit` (no engine was there);
            from the welcome: `demo`, `init`, `open` (with `path`), `attach` (with `path` of the project).
        path: the file, glob or folder that was chosen.
    """

    kind: ExitKind
    path: str = ""
