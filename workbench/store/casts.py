"""Which values may become values of another type."""

from __future__ import annotations

from workbench.store.session import Session

_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "BIGNUM", "BOOLEAN")
_TIMES = ("DATE", "TIMESTAMP")
_APART = ({"BIGNUM", "BOOLEAN"}, {"BIGNUM", "DECIMAL"})
"""Numbers that DuckDB cannot make of each other."""


def converts(session: Session, given: str, wanted: str) -> bool:
    """Whether values of one type may become another's; DuckDB tells only when it meets a value, so this is by family."""
    if given == wanted or "VARCHAR" in (given, wanted) or given == "JSON":
        return True
    family = _family(given)
    if not family or family != _family(wanted):
        return False
    if family == "list":
        return converts(session, given.rpartition("[")[0], wanted.rpartition("[")[0])
    if family == "STRUCT":
        ours, theirs = (_fields(session, f"unnest(NULL::{kind})") for kind in (given, wanted))
        shared = ours.keys() & theirs.keys()
        return bool(shared) and all(converts(session, ours[name], theirs[name]) for name in shared)
    if family == "MAP":
        parts = [_fields(session, f"map_keys({null}) AS k, map_values({null}) AS v") for null in (f"NULL::{given}", f"NULL::{wanted}")]
        return all(converts(session, parts[0][name], parts[1][name]) for name in ("k", "v"))
    return {_head(given), _head(wanted)} not in _APART


def _fields(session: Session, items: str) -> dict[str, str]:
    return {name.lower(): kind for name, kind in session.describe(f"SELECT {items}")}


def _family(kind: str) -> str:
    head = _head(kind)
    if kind.endswith("]"):
        return "list"
    if head in ("STRUCT", "MAP", "UNION", "INTERVAL"):
        return head
    return next((family[0] for family in (_NUMBERS, _TIMES) if any(name in head for name in family)), head if "TIME" in head else "")


def _head(kind: str) -> str:
    return kind.split("(", 1)[0]
