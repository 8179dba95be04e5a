"""How names and values are spelled in SQL, and where datasets live."""

from __future__ import annotations

from workbench.language.tokens import literal, quote

__all__ = ["literal", "public", "quote", "stored"]


def stored(name: str) -> str:
    """The physical table of a dataset."""
    return f"_store.{quote(name)}"


def public(name: str) -> str:
    """The name that SQL reads."""
    return f"main.{quote(name)}"
