"""The store's feed, under the name by which the rooms of the stream know it."""

from __future__ import annotations

from workbench.store.feed import Feed

__all__ = ["Feed"]
