"""What the screen says of a flow."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from workbench.batch import Lag
from workbench.engine.snapshot import flow_state
from workbench.stream.flow import Flow


def flow(**differs: Any) -> Flow:
    """One whose input has ended and is stored."""
    output = SimpleNamespace(source="read_stdin", totals=SimpleNamespace(rows_in=1))
    usual = {"error": None, "stopped": False, "paused": False, "held": "", "outputs": (output,), "source": SimpleNamespace(ended=True)}
    return cast("Flow", SimpleNamespace(**usual | {"drained": True, "committing": False} | differs))


@pytest.mark.parametrize(("differs", "state"), [({}, "DONE"), ({"committing": True}, "RUN"), ({"drained": False}, "RUN")])
def test_an_input_is_done_when_its_last_records_are_stored_and_not_before(differs: dict[str, Any], state: str) -> None:
    assert flow_state(flow(**differs), Lag(), "") == (state, "")
