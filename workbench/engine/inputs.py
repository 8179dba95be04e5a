"""Inputs whose format is not known yet: received until their first records tell it."""

from __future__ import annotations

from workbench.config import Project
from workbench.engine.sources import Sources
from workbench.inputs import STDIN, store_waiting, table_of, waiting_inputs, write_pipeline
from workbench.language.definitions import ReadSocket, ReadStdin
from workbench.stream.infer import infer_format


def begin_inputs(project: Project, sources: Sources) -> bool:
    """Receive the inputs whose format is not known, and write the pipelines of those that tell it by now; whether one did."""
    waiting = list(waiting_inputs(project))
    if not waiting:
        return False
    left = []
    for one in waiting:
        sample = sources.sample(table_of(one), ReadStdin("json") if one == STDIN else ReadSocket(one, "json"), any_record=True)
        if sample is None:
            left.append(one)
        else:
            write_pipeline(project, one, infer_format(sample[0]))
    if left == waiting:
        return False
    store_waiting(project, left)
    return True
