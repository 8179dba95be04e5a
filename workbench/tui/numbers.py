"""How numbers and times read: rates, counts, shares, durations, clocks, ages, sizes."""

from __future__ import annotations

import math
from datetime import datetime, tzinfo

from workbench.moments import MONTHS

DAY = 86_400.0


def rate(value: float) -> str:
    """Three figures with k, M, G: `310`, `98.2k`, `157k`, `1.21M`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size * 0.9995:
            scaled = value / size
            return (
                f"{scaled:.0f}{unit}"
                if scaled >= 99.95
                else f"{scaled:.1f}{unit}"
                if unit == "k" or scaled >= 9.995
                else f"{scaled:.2f}{unit}"
            )
    return f"{value:.0f}"


def count(value: int) -> str:
    """Exact with commas up to seven digits, then three figures: `884,216`, `41.2M`."""
    return f"{value:,}" if abs(value) < 10_000_000 else ("-" if value < 0 else "") + rate(abs(value))


def signed(value: float) -> str:
    """Growth with its sign, in seven cells: `+1,204`, `-4`, `+0.25`, `+1.29M`."""
    if abs(value) >= 99_999.5:
        return ("-" if value < 0 else "+") + rate(abs(value))
    return f"{value:+,.0f}" if float(value).is_integer() or abs(value) >= 999.995 else f"{value:+,.2f}"


def behind_point(cell: str | None) -> int:
    """Cells that a plain number takes from its decimal point on; 0 for anything else."""
    if not cell or number_of(cell) is None or "e" in cell.lower():
        return 0
    _, point, rest = cell.partition(".")
    return len(point) + len(rest)


def share(value: float) -> str:
    """A part of one as per cent: `0%`, `0.058%`, `2.1%`, `44%`."""
    percent = value * 100
    if percent == 0:
        return "0%"
    if percent < 0.001:
        return "<0.001%"
    digits = 3 if percent < 0.0995 else 2 if percent < 0.995 else 1 if percent < 9.95 else 0
    return f"{percent:.{digits}f}%"


def duration(seconds: float) -> tuple[str, str]:
    """(number, unit): `0.1 s`, `48 s`, `3.1 min`, `2 h`, `3 d`. Below ten units one decimal for s and min."""
    if seconds < 59.5:
        return (f"{seconds:.1f}" if seconds < 9.95 else f"{seconds:.0f}"), "s"
    if seconds < 3570:
        minutes = seconds / 60
        return (f"{minutes:.1f}" if minutes < 9.95 else f"{minutes:.0f}"), "min"
    if seconds < 2 * DAY:
        return f"{seconds / 3600:.0f}", "h"
    return f"{seconds / DAY:.0f}", "d"


def spell(seconds: float) -> str:
    """A duration as one text."""
    return " ".join(duration(seconds))


def elapsed(seconds: float) -> str:
    """The time that a query took: two decimals below a second or ten: `0.21 s`, `12.4 s`, `3.1 min`."""
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s" if seconds < 59.95 else spell(seconds)


def clock(at: float, zone: tzinfo | None = None) -> str:
    """`17:24:40`, in the zone, or the machine's own."""
    return _local(at, zone).strftime("%H:%M:%S")


def milliseconds(at: float, zone: tzinfo | None = None) -> str:
    """`.118`, to follow a clock in a quieter colour."""
    return f".{_local(at, zone).microsecond // 1000:03}"


def moment(at: float, now: float, zone: tzinfo | None = None) -> str:
    """A clock for today's times, a date for older ones: `9 Nov`."""
    if abs(now - at) < DAY:
        return clock(at, zone)
    then = _local(at, zone)
    return f"{then.day} {MONTHS[then.month - 1]}"


def stamp(at: float, now: float, zone: tzinfo | None = None) -> str:
    """A clock, with the date before it where it is not today's: `17:24:40`, `9 Nov 17:24:40`, `9 Nov 2024 17:24:40`."""
    then, today = _local(at, zone), _local(now, zone)
    if then.date() == today.date():
        return clock(at, zone)
    year = f" {then.year}" if then.year != today.year else ""
    return f"{then.day} {MONTHS[then.month - 1]}{year} {clock(at, zone)}"


def ago(at: float, now: float, zone: tzinfo | None = None) -> str:
    """`2 min ago`; older than a day: the date."""
    seconds = max(0.0, now - at)
    if seconds >= DAY:
        return moment(at, now, zone)
    if seconds < 1:
        return "now"
    if seconds < 60:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 3570 else f"{seconds / 3600:.0f} h ago"


def size(bytes_: int) -> str:
    """`512 B`, `4.0 kB`, `412 MB`, `1.2 GB`."""
    value = float(bytes_)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def number_of(cell: str | None) -> float | None:
    """The number in a formatted cell, or None."""
    if not cell:
        return None
    try:
        value = float(cell.replace(",", "").replace("_", ""))
    except ValueError:
        return None
    return value if value == value and abs(value) != float("inf") else None


def grouped(cell: str) -> str:
    """The digits before the point in threes; what is no plain number stays as it is."""
    sign, digits = ("-", cell[1:]) if cell.startswith("-") else ("", cell)
    whole, point, rest = digits.partition(".")
    if not whole.isdecimal() or (point and not rest.isdecimal()):
        return cell
    return f"{sign}{int(whole):,}{point}{rest[:2] if len(whole) > 1 else rest[:6]}"


def step_above(value: float) -> float:
    """The smallest of 1, 2, 5 × 10ⁿ that holds the value: the top of a sparkline's scale."""
    if value <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= value * (1 - 1e-12))


def _local(at: float, zone: tzinfo | None) -> datetime:
    try:
        return datetime.fromtimestamp(at, zone) if zone is not None else datetime.fromtimestamp(at).astimezone()
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, zone)
