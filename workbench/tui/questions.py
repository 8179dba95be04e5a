"""The sheets that the app shows: quit, pause, engine lost, problems, notices, help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from textual.binding import ActiveBinding

from workbench.protocol import Action, ControlPlan, DriftStatus, ProblemStatus
from workbench.tui.drift import drift_key, drift_text
from workbench.tui.keys import name_of
from workbench.tui.numbers import ago
from workbench.tui.picture import Picture
from workbench.tui.sheets.question import Answer, Sheet, Words
from workbench.tui.text import visible

LOG_LINES = 8
MOST = 9
DOINGS: Mapping[Action, tuple[str, str]] = {
    "pause": ("p", "pause it"),
    "resume": ("p", "go on"),
    "stop": ("S", "stop it"),
    "rewind": ("r", "rewind it"),
    "end": ("E", "skip to the end"),
    "limit": ("l", "do it"),
    "column": ("a", "add it"),
}
"""The key that agrees to a plan, the same that asked for it, and its word."""


def quit_sheet(picture: Picture) -> Sheet:
    """Leave it running, stop it, stay: the safest first, each with its consequence; a demo is ended first of all."""
    snapshot, pid = picture.snapshot, f", pid {picture.hello.pid}" if picture.hello is not None else ""
    streams = len(snapshot.streams) if snapshot is not None else 0
    runs = [f"#{run.id}" for run in snapshot.runs if run.state == "running"] if snapshot is not None else []
    again = f"; {', '.join(runs)} {'runs' if len(runs) == 1 else 'run'} again at the next start" if runs else ""
    note = f"{_many(streams, 'stream')}, {_many(len(runs), 'job')} running{pid}"
    if picture.demo:
        end = Answer("s", "end it", f"its generator and its engine stop, {picture.demo}", "stop")
        leave = Answer("l", "leave it running", "generator and engine go on until `workbench stop`", "leave")
        return Sheet(picture, "End the demo?", note=note, answers=(end, leave, Answer("esc", "stay", "", "stay")))
    return Sheet(
        picture,
        "Leave the engine running?",
        note=note,
        answers=(
            Answer("l", "leave it running", "ingestion goes on; `workbench` here attaches again", "leave"),
            Answer("s", "stop it", f"commits now, then stops {_many(streams, 'stream')}{again}", "stop"),
            Answer("esc", "stay", "", "stay"),
        ),
    )


def plan_sheet(
    picture: Picture, question: str, plan: ControlPlan, note: str = "", alarming: bool = False, why_not: str = "this cannot be done"
) -> Sheet:
    """What a command would do, in the engine's own sentences; one that cannot be done, or is, has no key to do it."""
    says = [Words("")] + [Words(f"{picture.look.glyphs.skipped} {sentence}", hang=2) for sentence in plan.says]
    if plan.already:
        return Sheet(picture, question, note="there is nothing to do", body=says)
    if not plan.possible:
        return Sheet(picture, question, note=why_not, alarming=True, body=says)
    key, word = DOINGS[plan.action]
    answers = (Answer("esc", "leave it as it is", "", "stay"), Answer(key, word, "", "do"))
    return Sheet(picture, question, note=note, alarming=alarming, body=says, answers=answers)


def lost_sheet(picture: Picture, reason: str, log: Sequence[str], can_start: bool) -> Sheet:
    """The engine is gone: why, its last words, and a restart."""
    body = [Words(reason, "text"), *(Words(line, "muted") for line in log[-LOG_LINES:])]
    answers = [Answer("r", "restart it", "reads on at the last commit; nothing that was committed is lost", "restart")] if can_start else []
    answers += [Answer("esc", "look around", "what was shown stays; an engine that comes back is attached by itself", "stay")]
    answers += [Answer("q", "quit", "", "quit")]
    return Sheet(picture, "The engine does not answer.", body=body, answers=tuple(answers))


def problems_sheet(picture: Picture, problems: Sequence[ProblemStatus], drifts: Sequence[DriftStatus]) -> Sheet:
    """Every mistake with its place, line, caret and hint; every field that no longer fits, with a line that shows it."""
    body: list[Words] = []
    for problem in problems:
        body.append(Words(f"{problem.file}:{problem.line}:{problem.column}  {problem.message}", "fail"))
        if problem.text:
            text = visible(problem.text.expandtabs(1))
            body += [Words(f"  {text}"), Words("  " + " " * (problem.column - 1) + "^" * max(1, problem.width), "fail")]
        if problem.hint:
            body.append(Words(f"  {problem.hint}", "muted"))
    answers: list[Answer] = []
    for drift in drifts:
        body.append(Words(f"{drift.stream}: {drift_text(drift)}, {ago(drift.at, picture.clock(), picture.zone)}", "late"))
        body.append(Words(f"  {visible(drift.sample)}", "muted"))
        if drift.kind == "retyped" and not drift.addable:
            body.append(Words("  A column keeps its type: these records are rejected by the rule _type, which Failures shows.", "muted"))
        if drift.addable and len(answers) < MOST:
            word = f"add {drift.field}" if drift.kind == "new" else f"change {drift.field}"
            consequence = f"to {drift.stream} as {drift.type}, shown first"
            answers.append(Answer(str(len(answers) + 1), word, consequence, drift_key(drift)))
    if not problems and not drifts:
        body.append(Words("The pipelines have no errors, and every field has its column.", "muted"))
    heads = [_many(len(problems), "problem") + " in the pipelines"] if problems or not drifts else []
    heads += [_many(len(drifts), "field") + " without a fitting column"] if drifts else []
    note = "the old definitions keep running" if problems else ""
    first = [Answer("esc", "back", "", "stay")] if answers else []
    return Sheet(picture, ", ".join(heads), note=note, body=body, answers=(*first, *answers))


def notices_sheet(picture: Picture) -> Sheet:
    """What happened lately, newest first."""
    notices = picture.snapshot.notices if picture.snapshot is not None else ()
    colours = {"warning": "late", "error": "fail"}
    now = picture.clock()
    body = [
        Words(f"{ago(n.at, now, picture.zone):>12}  {n.stream + ': ' if n.stream else ''}{n.text}", colours.get(n.kind, "text"))
        for n in reversed(notices)
    ]
    return Sheet(picture, "Notices", body=body or [Words("Nothing happened yet that is worth a line.", "muted")])


def log_sheet(picture: Picture, lines: Sequence[str]) -> Sheet:
    """The end of the engine's log."""
    return Sheet(picture, "Engine log", body=[Words(line, "muted") for line in lines] or [Words("The log is empty.", "muted")])


def help_sheet(picture: Picture, name: str, bindings: Iterable[ActiveBinding]) -> Sheet:
    """The keys that work in a pane, from its bindings, its own first."""
    keys: dict[str, list[str]] = {}
    for active in bindings:
        if active.enabled and active.binding.description and not active.binding.system and "copy_text" not in active.binding.action:
            keys.setdefault(active.binding.description, []).append(active.binding.key_display or name_of(active.binding.key))
    body = [Words(word, "text", " ".join(dict.fromkeys(names))) for word, names in keys.items()]
    return Sheet(picture, f"Keys: {name}", note="mouse: click chooses, double click opens, wheel scrolls", body=body)


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
