"""Where `:` can go: panes, streams, views, jobs, rules, and everything else that SQL can read."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.tui.picture import Picture

PANES = ("streams", "jobs", "failures", "sql")
OFFERED = 8


@dataclass(frozen=True, slots=True)
class Place:
    """A name to go to: kind is pane, stream, running state, source, job, rule, or what kind of dataset it is."""

    name: str
    kind: str
    stream: str = ""


def places(picture: Picture) -> list[Place]:
    """All of them, the nearest first."""
    out = [Place(pane, "pane") for pane in PANES]
    if picture.connection == "lost":
        out.append(Place("restart", "engine"))
    snapshot = picture.snapshot
    if snapshot is None:
        return out
    for stream in snapshot.streams:
        out.append(Place(stream.name, "stream", stream.name))
        out += [Place(view, "running state", stream.name) for view in stream.views]
        out += [Place(flow.name, "source", stream.name) for flow in stream.flows if flow.name != stream.name]
    out += [Place(job, "job") for job in dict.fromkeys(run.job for run in snapshot.runs)]
    out += [Place(rule.rule, "rule", rule.stream) for rule in snapshot.rules]
    known = {place.name for place in out}
    out += [Place(dataset.name, dataset.kind) for dataset in snapshot.datasets if dataset.name not in known]
    return out


def matching(picture: Picture, typed: str) -> list[Place]:
    """Those whose name begins with, or else contains, what was typed."""
    wanted = typed.strip().lower()
    every = places(picture)
    begin = [place for place in every if place.name.lower().startswith(wanted)]
    within = [place for place in every if wanted in place.name.lower() and place not in begin]
    return (begin + within)[:OFFERED]
