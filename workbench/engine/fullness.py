"""Spools that are full, in words: who holds what is in them, and whom that holds up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.batch import Lag
from workbench.engine.sentences import listed
from workbench.stream.flow import Flow


def fullness(flow: Flow, flows: Sequence[Flow], lags: Mapping[str, Lag]) -> str:
    """What a flow has to do with a spool that is full; empty when nothing.

    Args:
        flows: all that run; several may read one spool.
        lags: by the flows' names.
    """
    lag = lags.get(flow.name, Lag())
    held_up = [name for other in flows if other is not flow and holds(flow, lags.get(other.name, Lag())) for name in other.names]
    if not lag.full:  # a stopped one sees nothing of its spool itself
        return f"what is kept for it fills the spool: {_nothing(held_up)}" if held_up else ""
    lost = "what comes is lost, and counted," if lag.drops else "senders wait"
    if holds(flow, lag):
        return f"its spool is full: {lost} until some of it is committed{f'; {_nothing(held_up)} either' if held_up else ''}"
    states = {name: _state(other, lags) for other in flows for name in other.names}
    names = [f"{name} ({states.get(name, 'does not run yet')})" for name in lag.held_by]
    return f"the spool is full: {lost} until {listed(names)} {'reads' if len(names) == 1 else 'read'} on"


def holds(flow: Flow, lag: Lag) -> bool:
    """Whether a spool is full with what this flow has not committed. Args: lag: of any that reads the spool."""
    return lag.full and flow.name in lag.held_by


def _nothing(names: Sequence[str]) -> str:
    return f"{listed(names)} {'gets' if len(names) == 1 else 'get'} nothing more"


def _state(flow: Flow, lags: Mapping[str, Lag]) -> str:
    if flow.error is not None:
        return "failed"
    if flow.stopped or flow.paused:
        return "stopped" if flow.stopped else "paused"
    if flow.allowance.rate is not None:
        return "limited"
    return f"{lags[flow.name].rows:,} rows behind" if flow.name in lags else "behind"
