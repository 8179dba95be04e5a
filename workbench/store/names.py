"""How names and values are spelled in SQL, and where datasets live."""

from __future__ import annotations


def quote(name: str) -> str:
    """An identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def stored(name: str) -> str:
    """The physical table of a dataset."""
    return f"_store.{quote(name)}"


def public(name: str) -> str:
    """The name that SQL reads."""
    return f"main.{quote(name)}"
