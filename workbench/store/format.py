"""Arrow values as the text that a cell of the screen shows."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LONGEST = 4096
"""Characters of a cell; a longer value ends with an ellipsis. The Arrow stream has it whole."""

PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Cells = list[str | None]

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_INVISIBLE = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF]
_VISIBLE = {code: _NAMED.get(chr(code)) or (f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}") for code in _INVISIBLE}


def cells_of_rows(table: pa.Table) -> tuple[tuple[str | None, ...], ...]:
    """The rows of a small table as cells; None is NULL."""
    columns = [column_cells(column) for column in table.columns]
    return tuple(zip(*columns, strict=True)) if columns else ()


def numeric_columns(schema: pa.Schema) -> tuple[bool, ...]:
    """For each column, whether it is right-aligned."""
    return tuple(_is_number(field.type) for field in schema)


def column_cells(column: pa.ChunkedArray) -> Cells:
    """The cells of one column."""
    return [_short(cell) for chunk in column.chunks for cell in cells(chunk)]


def cells(values: pa.Array) -> Cells:
    """The cells of an array, by its type; what has no rule here is shown as Python would."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return _bignums(values.storage) if getattr(kind, "type_name", "") == "bignum" else cells(values.storage)
    for is_kind, convert in _CONVERSIONS:
        if is_kind(kind):
            return convert(values)
    return [None if value is None else visible(str(value)) for value in values.to_pylist()]


def visible(text: str) -> str:
    """Text whose control characters cannot act on a terminal or hide from a reader."""
    return text if text.isprintable() else text.translate(_VISIBLE)


def number(value: float) -> str:
    """The shortest text that reads back as the same number, without an exponent at usual sizes."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value == 0 or 1e-4 <= abs(value) < 1e16:
        return repr(value)
    if abs(value) < 1e21 and value.is_integer():
        return f"{value:.1f}"
    return repr(value)


def _short(cell: str | None) -> str | None:
    return cell if cell is None or len(cell) <= LONGEST else cell[: LONGEST - 1] + "…"


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)) or (
        getattr(kind, "type_name", "") == "bignum"
    )


def _plain(values: pa.Array) -> Cells:
    result: Cells = pc.cast(values, pa.string()).to_pylist()
    return result


def _floats(values: pa.Array) -> Cells:
    return [None if value is None else number(value) for value in values.to_pylist()]


def _singles(values: pa.Array) -> Cells:
    """FLOAT: the shortest text at its own precision, which Arrow's cast gives; as a double 0.1 would be 0.10000000149011612."""
    return [None if text is None else number(float(text)) for text in _plain(values)]


def _texts(values: pa.Array) -> Cells:
    return [None if value is None else visible(value) for value in values.to_pylist()]


def _blobs(values: pa.Array) -> Cells:
    return [None if value is None else _blob(value) for value in values.to_pylist()]


def _blob(value: bytes) -> str:
    return "".join(chr(b) if 0x20 <= b < 0x7F and b != 0x5C else f"\\x{b:02X}" for b in value[:LONGEST])


def _bignums(values: pa.Array) -> Cells:
    """DuckDB's BIGNUM: three bytes of header, whose first bit is the sign, then the magnitude; all inverted when negative."""
    return [None if value is None else str(_bignum(value)) for value in values.to_pylist()]


def _bignum(value: bytes) -> int:
    if value[0] & 0x80:
        return int.from_bytes(value[3:], "big")
    return -int.from_bytes(bytes(b ^ 0xFF for b in value[3:]), "big")


def _dates(values: pa.Array) -> Cells:
    return [None if days is None else _date(days) for days in values.cast(pa.int32()).to_pylist()]


def _date(days: int) -> str:
    try:
        return (date(1970, 1, 1) + timedelta(days)).isoformat()
    except OverflowError:
        return _endless(days, 2**31 - 1) or _far(np.datetime64(days, "D"))


def _times(values: pa.Array) -> Cells:
    per_second = PER_SECOND[values.type.unit]
    whole = values.cast(pa.int32() if values.type.bit_width == 32 else pa.int64())
    return [None if ticks is None else _clock(ticks, per_second) for ticks in whole.to_pylist()]


def _clock(ticks: int, per_second: int) -> str:
    seconds, rest = divmod(ticks, per_second)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{_fraction(rest, per_second)}"


def _timestamps(values: pa.Array) -> Cells:
    per_second, zone = PER_SECOND[values.type.unit], values.type.tz
    return [None if ticks is None else _timestamp(ticks, per_second, zone) for ticks in values.cast(pa.int64()).to_pylist()]


def _timestamp(ticks: int, per_second: int, zone: str | None) -> str:
    seconds, rest = divmod(ticks, per_second)
    try:
        moment = EPOCH + timedelta(seconds=seconds)
        moment = moment.astimezone(_zone(zone)) if zone else moment
    except OverflowError:
        far = _endless(ticks, 2**63 - 1)
        return far or f"{_far(np.datetime64(seconds, 's'))}{_fraction(rest, per_second)}{'+00' if zone else ''}"
    return f"{moment.replace(tzinfo=None).isoformat(' ')}{_fraction(rest, per_second)}{_offset(moment) if zone else ''}"


def _far(moment: np.datetime64) -> str:
    """A time that Python has not, as DuckDB writes it: the year 10000 and later, and the years before 1."""
    day, _, clock = str(moment).partition("T")
    year, month, of_month = day.rsplit("-", 2)
    shown = f"{int(year)}-{month}-{of_month}" if int(year) > 0 else f"{1 - int(year):04d}-{month}-{of_month} (BC)"
    return f"{shown} {clock}" if clock else shown


def _offset(moment: datetime) -> str:
    """+00, +05:30."""
    away = moment.utcoffset() or timedelta()
    minutes = abs(away) // timedelta(minutes=1)
    sign = "-" if away < timedelta() else "+"
    return f"{sign}{minutes // 60:02d}" + (f":{minutes % 60:02d}" if minutes % 60 else "")


def _endless(ticks: int, most: int) -> str:
    return {most: "infinity", -most: "-infinity"}.get(ticks, "")


def _fraction(rest: int, per_second: int) -> str:
    """Six digits when there is a fraction, nine when micro-seconds are not enough."""
    nanos = rest * (1_000_000_000 // per_second)
    if not nanos:
        return ""
    return f".{nanos:09d}" if nanos % 1000 else f".{nanos // 1000:06d}"


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo("UTC" if name in {"Etc/UTC", "Z"} else name)


def _durations(values: pa.Array) -> Cells:
    per_second = PER_SECOND[values.type.unit]
    return [None if t is None else ("-" if t < 0 else "") + _clock(abs(t), per_second) for t in values.cast(pa.int64()).to_pylist()]


def _intervals(values: pa.Array) -> Cells:
    return [None if value is None else _interval(*value) for value in values.to_pylist()]


def _interval(months: int, days: int, nanos: int) -> str:
    amounts = ((int(months / 12), "year"), (int(math.fmod(months, 12)), "month"), (days, "day"))
    parts = [f"{amount} {unit}{'' if abs(amount) == 1 else 's'}" for amount, unit in amounts if amount]
    if nanos or not parts:
        parts.append(("-" if nanos < 0 else "") + _clock(abs(nanos), 1_000_000_000))
    return " ".join(parts)


def _lists(values: pa.Array) -> Cells:
    """Nested values go through their flat child, so that every type is formatted by its own rule."""
    lengths = pc.list_value_length(values).to_pylist()
    items = iter(_quoted(values.filter(values.is_valid()).flatten()))
    return [None if length is None else f"[{', '.join(next(items) for _ in range(length))}]" for length in lengths]


def _structs(values: pa.Array) -> Cells:
    names = [f"'{field.name}': " for field in values.type]
    columns = [_quoted(column) for column in values.flatten()]
    found: Cells = []
    for i, valid in enumerate(values.is_valid().to_pylist()):
        fields = (name + column[i] for name, column in zip(names, columns, strict=True))
        found.append(f"{{{', '.join(fields)}}}" if valid else None)
    return found


def _maps(values: pa.Array) -> Cells:
    found: Cells = []
    for scalar in values:
        if not scalar.is_valid:
            found.append(None)
            continue
        keys, items = (_quoted(part) for part in scalar.values.flatten())
        found.append(f"{{{', '.join(f'{key}={item}' for key, item in zip(keys, items, strict=True))}}}")
    return found


def _unions(values: pa.Array) -> Cells:
    """The member that each value is of; DuckDB's unions are sparse, so that all members are as long."""
    members = dict(zip(values.type.type_codes, (cells(values.field(i)) for i in range(values.type.num_fields)), strict=True))
    return [members[value.type_code][row] for row, value in enumerate(values)]  # an array's own codes are not sliced with it


def _quoted(values: pa.Array) -> list[str]:
    """Cells inside a list, struct or map: NULL spelled out, text in quotes."""
    text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    return ["NULL" if cell is None else "'" + cell.replace("'", "''") + "'" if text else cell for cell in cells(values)]


_CONVERSIONS: tuple[tuple[Callable[[Any], bool], Callable[[pa.Array], Cells]], ...] = (
    (lambda t: t in (pa.float64(), pa.float16()), _floats),
    (lambda t: t == pa.float32(), _singles),
    (lambda t: pa.types.is_integer(t) or pa.types.is_decimal(t) or pa.types.is_boolean(t), _plain),
    (lambda t: pa.types.is_string(t) or pa.types.is_large_string(t), _texts),
    (lambda t: pa.types.is_binary(t) or pa.types.is_large_binary(t) or pa.types.is_fixed_size_binary(t), _blobs),
    (lambda t: t == pa.date32(), _dates),
    (pa.types.is_time, _times),
    (pa.types.is_timestamp, _timestamps),
    (pa.types.is_duration, _durations),
    (pa.types.is_interval, _intervals),
    (lambda t: pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t), _lists),
    (pa.types.is_struct, _structs),
    (pa.types.is_map, _maps),
    (lambda t: pa.types.is_union(t) and t.mode == "sparse", _unions),
    (pa.types.is_dictionary, lambda values: cells(values.dictionary_decode())),
)
