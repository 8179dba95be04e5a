"""A few of the kills of tests.crash.many: engines that read from everywhere are killed, and nothing of what they had is lost."""

from __future__ import annotations

from pathlib import Path

from tests.crash.many import kill_many

KILLS = 10


def test_killed_while_it_reads_from_everywhere(tmp_path: Path) -> None:
    counts, broken = kill_many(tmp_path / "w", KILLS, 4)
    assert broken == []
    assert counts["records"] > 1000
    assert counts["starting"] + counts["working"] == KILLS
