"""Numbers about the last minutes: rows a second, broken rules over time, the engine's own cost."""

from __future__ import annotations

import resource
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field

from workbench.store.commit import Commit
from workbench.store.session import Session

SECONDS = 60
RATE_OVER = 3
RULE_BUCKETS, RULE_SECONDS = 30, 10
NEW_FOR = 300.0


class Buckets:
    """Counts in equal stretches of wall-clock time, the oldest forgotten.

    Args:
        count: how many stretches; seconds: how long each is.
    """

    def __init__(self, count: int, seconds: int) -> None:
        self._count, self._seconds = count, seconds
        self._values = [0] * count
        self._last = 0

    def add(self, at: float, amount: int) -> None:
        self._turn(at)
        self._values[self._last % self._count] += amount

    def values(self, at: float) -> list[int]:
        """Oldest first; the last one is still growing."""
        self._turn(at)
        first = (self._last + 1) % self._count
        return self._values[first:] + self._values[:first]

    def _turn(self, at: float) -> None:
        now = int(at // self._seconds)
        if now - self._last >= self._count or now < self._last - self._count:
            self._values, self._last = [0] * self._count, now
        while self._last < now:
            self._last += 1
            self._values[self._last % self._count] = 0


@dataclass(slots=True)
class RuleHistory:
    """One rule of one stream since the table began. Times are seconds since 1970."""

    total: int = 0
    first_seen: float | None = None
    last_seen: float | None = None
    last_id: int | None = None
    recent: Buckets = field(default_factory=lambda: Buckets(RULE_BUCKETS, RULE_SECONDS))


class Monitor:
    """Fed by every commit, asked by every snapshot; the caller keeps the two apart."""

    def __init__(self) -> None:
        self.rules: dict[tuple[str, str], RuleHistory] = {}
        self._rows: dict[str, Buckets] = defaultdict(lambda: Buckets(SECONDS, 1))
        self._rejected: dict[str, Buckets] = defaultdict(lambda: Buckets(RULE_BUCKETS, RULE_SECONDS))
        self._cpu = (time.monotonic(), _cpu_seconds(), 0.0)

    def record(self, commit: Commit) -> None:
        """Count what a commit stored."""
        for delta in commit.streams:
            self._rows[delta.stream].add(commit.at, delta.counts.rows_in)
            self._rows[f"{delta.stream}/{delta.flow}"].add(commit.at, delta.counts.rows_in)
            self._rejected[delta.stream].add(commit.at, delta.counts.rejected)
            for rule in delta.rules:
                history = self.rules.setdefault((delta.stream, rule.rule), RuleHistory())
                history.total += rule.count
                history.first_seen = history.first_seen or commit.at
                history.last_seen = commit.at
                history.last_id = rule.last_id or history.last_id
                history.recent.add(commit.at, rule.count)

    def load(self, session: Session) -> None:
        """Take over what is stored of rules that nothing is remembered of: earlier engines counted them, or their stream went back."""
        for stream, rule, *history in session.execute(
            "SELECT stream, rule, total, epoch(first_seen), epoch(last_seen), last_id FROM workbench.rules WHERE total > 0"
        ):
            if (stream, rule) not in self.rules:
                self.rules[(stream, rule)] = RuleHistory(*history)

    def forget(self, stream: str) -> None:
        for name in [name for name in self._rows if name == stream or name.startswith(f"{stream}/")]:
            del self._rows[name]
        self._rejected.pop(stream, None)
        for key in [key for key in self.rules if key[0] == stream]:
            del self.rules[key]

    def spark(self, stream: str, at: float) -> tuple[float, ...]:
        return tuple(float(v) for v in self._rows[stream].values(at))

    def rate(self, stream: str, at: float) -> float:
        """Rows a second over the last whole seconds."""
        return sum(self._rows[stream].values(at)[-RATE_OVER - 1 : -1]) / RATE_OVER

    def rejected_recently(self, stream: str, at: float) -> int:
        return sum(self._rejected[stream].values(at))

    def cpu(self) -> float:
        """Share of one core that this process took lately."""
        then, before, share = self._cpu
        now = time.monotonic()
        if now - then >= 1.0:
            used = _cpu_seconds()
            share = (used - before) / (now - then)
            self._cpu = (now, used, share)
        return share


def resident_bytes() -> int:
    """Memory of this process; its peak where the present is not told."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
