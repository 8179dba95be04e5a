"""What may be typed for a rewind or a limit, and what it means."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tui.fake_engine import NOW
from workbench.tui.target import limit_target, rewind_target


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        ("beginning", {"beginning": True}, "the beginning"),
        (" Start ", {"beginning": True}, "the beginning"),
        ("9312", {"commit": 9312}, "commit 9,312"),
        ("#9,312", {"commit": 9312}, "commit 9,312"),
        ("commit 9312", {"commit": 9312}, "commit 9,312"),
        ("17:20", {"time": "2026-11-22T17:20:00+00:00"}, "17:20:00"),
        ("17:20:30.5", {"time": "2026-11-22T17:20:30.500000+00:00"}, "17:20:30"),
        ("23:00", {"time": "2026-11-21T23:00:00+00:00"}, "21 Nov 23:00:00"),
        ("10 min ago", {"time": "2026-11-22T17:14:40.118000+00:00"}, "17:14:40"),
        ("-2h", {"time": "2026-11-22T15:24:40.118000+00:00"}, "15:24:40"),
        ("1 d ago", {"time": "2026-11-21T17:24:40.118000+00:00"}, "21 Nov 17:24:40"),
        ("21 Nov", {"time": "2026-11-21T00:00:00+00:00"}, "21 Nov 00:00:00"),
        ("21 november 09:00", {"time": "2026-11-21T09:00:00+00:00"}, "21 Nov 09:00:00"),
        ("9 Dec 09:00", {"time": "2025-12-09T09:00:00+00:00"}, "9 Dec 2025 09:00:00"),
        ("2026-11-21 09:00", {"time": "2026-11-21T09:00:00+00:00"}, "21 Nov 09:00:00"),
        ("2026-11-21T09:00+09:00", {"time": "2026-11-21T09:00:00+09:00"}, "21 Nov 00:00:00"),
        ("orders/a.ndjson:41_201", {"offset": "orders/a.ndjson:41201"}, "byte 41,201 of orders/a.ndjson"),
        ("orders/a.parquet:row 12", {"row": "orders/a.parquet:12"}, "row 12 of orders/a.parquet"),
        ("tcp.log:line 12", {"row": "tcp.log:12"}, "row 12 of tcp.log"),
    ],
)
def test_places_to_rewind_to(text: str, arguments: dict[str, object], words: str) -> None:
    target = rewind_target(text, NOW, UTC)
    assert dict(target.arguments) == arguments
    assert target.words == words


def test_a_time_without_a_zone_is_meant_where_the_clock_of_the_screen_is() -> None:
    assert rewind_target("01:00", NOW, ZoneInfo("Asia/Seoul")).arguments == {"time": "2026-11-23T01:00:00+09:00"}
    berlin = ZoneInfo("Europe/Berlin")
    assert rewind_target("1 Oct 12:00", NOW, berlin).arguments == {"time": "2026-10-01T12:00:00+02:00"}
    own = datetime.fromisoformat(str(rewind_target("00:00", NOW).arguments["time"]))
    assert own.utcoffset() is not None


@pytest.mark.parametrize("text", ["soon", "25:00", "31 Feb", "orders.ndjson", "2026-11-23 09:00", ":7", "99999999999999999 d ago"])
def test_what_is_no_place_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"neither|yet to come"):
        rewind_target(text, NOW, UTC)


def test_nothing_typed_is_not_understood_but_no_mistake() -> None:
    with pytest.raises(ValueError, match=r"^$"):
        rewind_target("", NOW)
    with pytest.raises(ValueError, match=r"^$"):
        limit_target(" ")


@given(st.text(max_size=30) | st.from_regex(r"[0-9:#. ]{1,9}(ago|Nov|m|h|:row 1)?", fullmatch=True))
def test_any_text_is_a_place_of_the_past_or_none(text: str) -> None:
    with contextlib.suppress(ValueError):
        target = rewind_target(text, NOW, UTC)
        assert len(target.arguments) == 1
        assert datetime.fromisoformat(str(target.arguments.get("time", "1970-01-01T00:00Z"))).timestamp() <= NOW


@pytest.mark.parametrize(
    ("text", "rows", "words"),
    [
        ("5000", 5_000.0, "5,000 rows/s"),
        ("5,000 rows/s", 5_000.0, "5,000 rows/s"),
        ("20k", 20_000.0, "20,000 rows/s"),
        ("1.5 M", 1_500_000.0, "1,500,000 rows/s"),
        ("0.5", 0.5, "0.5 rows/s"),
        ("none", None, "no limit"),
    ],
)
def test_limits(text: str, rows: float | None, words: str) -> None:
    target = limit_target(text)
    assert (target.arguments["rows"], target.words) == (rows, words)


@pytest.mark.parametrize("text", ["fast", "-5", "0", "5 kB/s"])
def test_what_is_no_limit_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a number|pause"):
        limit_target(text)
