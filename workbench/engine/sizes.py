"""Sizes as settings write them."""

from __future__ import annotations

import re

from workbench.errors import UsageError


def size(text: str) -> int:
    """A size such as `4GB` in bytes.

    Raises:
        UsageError: it is none.
    """
    found = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?)i?B?\s*", text, re.IGNORECASE)
    if not found:
        raise UsageError(f"{text!r} is not a size", "Write a number and a unit, such as 4GB.")
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " "))
