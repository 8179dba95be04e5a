"""Signs for states and amounts: one cell each, none with an emoji form, and an ASCII set for plain terminals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What is drawn for each state, mark and amount. `bars` rises in seven steps; `eighths` fills a cell in eight."""

    run: str = "●"
    late: str = "▲"
    pause: str = "‖"
    stop: str = "■"
    fail: str = "✗"
    job: str = "►"
    wait: str = "◷"
    done: str = "✓"
    skipped: str = "·"
    cancelled: str = "○"
    window: str = "◔"
    live: str = "⟳"
    cursor: str = "▌"
    up: str = "▲"
    down: str = "▼"
    delta: str = "Δ"
    logo: str = "▞"
    ellipsis: str = "…"
    dash: str = "–"
    none: str = "·"
    bars: str = "▁▂▃▄▅▆▇"
    eighths: str = " ▁▂▃▄▅▆▇█"
    line: str = "─"
    heavy: str = "━"
    half: str = "╸"
    block: str = "▄"
    half_block: str = "▖"
    arrow: str = "──▸"


FANCY = Glyphs()

PLAIN = Glyphs(
    run="*",
    late="!",
    pause="=",
    stop="#",
    fail="x",
    job=">",
    wait=".",
    done="v",
    skipped="-",
    cancelled="o",
    window="~",
    live="@",
    cursor=">",
    up="+",
    down="-",
    delta="d",
    logo="#",
    ellipsis="~",
    dash="-",
    none=".",
    bars="_.-:=+#",
    eighths=" _.-:=+##",
    line="-",
    heavy="=",
    half="=",
    block="#",
    half_block="#",
    arrow="-->",
)


def choose_glyphs(environment: Mapping[str, str], encoding: str) -> Glyphs:
    """The ASCII set where colour is refused, the terminal is dumb, or the output is not UTF-8."""
    plain = "NO_COLOR" in environment or environment.get("TERM") == "dumb" or encoding.lower().replace("-", "") != "utf8"
    return PLAIN if plain else FANCY


STREAM_STATES: Mapping[str, tuple[str, str]] = {
    "RUN": ("run", "alive"),
    "LAG": ("late", "late"),
    "PAUSE": ("pause", "held"),
    "STOP": ("stop", "held"),
    "FAIL": ("fail", "fail"),
    "WAIT": ("wait", "muted"),
    "DONE": ("done", "muted"),
    "GONE": ("none", "muted"),
}
"""(glyph, colour) by name, for each state of a stream; GONE is what a screen says whose engine is."""

RUN_STATES: Mapping[str, tuple[str, str]] = {
    "running": ("job", "alive"),
    "waiting": ("wait", "muted"),
    "failed": ("fail", "fail"),
    "cancelled": ("cancelled", "muted"),
    "done": ("done", "muted"),
}
"""The same for a run of a job."""
