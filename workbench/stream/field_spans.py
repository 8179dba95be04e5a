"""Where the fields of one raw record stand, and the record as text that a screen can show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.language.definitions import Format
from workbench.stream.csv_fields import Dialect, Fields
from workbench.stream.json_fields import json_fields


@dataclass(frozen=True, slots=True)
class Place:
    """A field in the bytes of its record: JSON with its key. `value` is its text as written; None for NULL and for what is empty."""

    start: int
    stop: int
    value: str | None


def shown(raw: bytes) -> tuple[str, list[int]]:
    """A record with its unprintable bytes as \\xNN, and the character at which each byte stands (one entry more than bytes)."""
    out: list[str] = []
    characters: list[int] = []
    length = 0
    for character in raw.decode("utf-8", "surrogateescape"):
        encoded = character.encode("utf-8", "surrogateescape")
        piece = character if character.isprintable() else "".join(f"\\x{byte:02x}" for byte in encoded)
        characters += [length] * len(encoded)
        out.append(piece)
        length += len(piece)
    return "".join(out), [*characters, length]


def json_places(raw: bytes) -> dict[str, Place]:
    """The top-level fields of a JSON object, the first of a name; as far as it can be read."""
    places: dict[str, Place] = {}
    for name, (start, value, stop) in json_fields(raw).items():
        text = raw[value:stop].decode("utf-8", "surrogateescape")
        places[name] = Place(start, stop, None if text == "null" else text)
    return places


def csv_places(raw: bytes, names: Sequence[str], options: Sequence[tuple[str, str]], header: bytes | None) -> dict[str, Place]:
    """The fields of a CSV record under the names of the columns; by position without a header."""
    fields = Fields(Dialect.of(options))
    given = list(names) if header is None else fields.names(header)
    declared = {name.lower(): name for name in names}
    places: dict[str, Place] = {}
    for name, (start, stop), value in zip(given, fields.spans(raw), fields.cut(raw) or (), strict=False):
        if name.lower() in declared:
            text = raw[start:stop].decode(errors="replace") if value else None
            places.setdefault(declared[name.lower()], Place(start, stop, text))
    return places


def headless(names: Sequence[str], options: Sequence[tuple[str, str]], header: bytes | None) -> str:
    """Why no record under a CSV's header can be read, in words; empty when they can."""
    if header is None or {name.lower() for name in Fields(Dialect.of(options)).names(header)} & {name.lower() for name in names}:
        return ""
    return f"the header of its file, `{header.decode(errors='replace').strip()[:80]}`, names none of the columns"


def error_place(raw: bytes, format: Format) -> tuple[str, Place | None]:
    """What is wrong with a malformed record, in words, and where; no place when that cannot be told."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {error.start}: {raw[error.start]:#04x}", Place(error.start, error.start + 1, None)
    if format == "csv":
        return "quotes that do not fit, or another number of fields than the header", None
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        start = min(len(text[: error.pos].encode()), max(len(raw) - 1, 0))
        return f"{error.msg.removesuffix(' at')} at character {error.pos + 1}", Place(start, min(start + 1, len(raw)), None)
    except (ValueError, RecursionError) as error:
        return str(error), None
    return ("not JSON" if isinstance(value, dict) else "not a JSON object"), None
