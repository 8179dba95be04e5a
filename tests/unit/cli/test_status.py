"""What `status` says below its table."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

from workbench.cli.ask import _print_snapshot
from workbench.cli.output import Output
from workbench.protocol import FlowStatus, Snapshot, StreamStatus

CALM = StreamStatus("t", "RUN", 0.0, (), 0.0, 0, 0.0, 9, 7, 1, 0, 1)
EMPTY = Snapshot(0.0, 1, (), (), (), (), (), (), 0.0, 0.0)


def notes(snapshot: Snapshot) -> list[str]:
    out = Output(StringIO(), StringIO())
    _print_snapshot(snapshot, out)
    assert isinstance(out.stderr, StringIO)
    return out.stderr.getvalue().splitlines()


def test_blank_records_and_lost_ones_have_their_columns() -> None:
    out = Output(StringIO(), StringIO())
    _print_snapshot(replace(EMPTY, streams=(replace(CALM, flows=(FlowStatus("t", "s", "RUN", dropped=5),)),)), out)
    assert isinstance(out.stdout, StringIO)
    head, row = out.stdout.getvalue().splitlines()
    assert dict(zip(head.split()[-6:], row.split()[-6:], strict=True)) == {
        "in": "9", "accepted": "7", "rejected": "1", "filtered": "0", "blank": "1", "lost": "5"
    }  # fmt: skip


def test_where_records_were_lost_is_told() -> None:
    udp = FlowStatus("t", "read_socket udp://localhost:1", "RUN", dropped=1_250, dropped_by_kernel=1_000)
    (note,) = notes(replace(EMPTY, streams=(replace(CALM, flows=(udp,)),)))
    assert note.startswith("t: 1,250 records sent to udp://localhost:1 were lost: 1,000 in the kernel's buffer")
    assert note.endswith(" and 250 since the spool had no room")


def test_of_several_sources_each_says_why_it_waits() -> None:
    flows = (FlowStatus("a", "s", "PAUSE", detail="paused by hand"), FlowStatus("b", "s", "WAIT", detail="the spool is full"))
    assert notes(replace(EMPTY, streams=(replace(CALM, detail="paused by hand", flows=flows),))) == [
        "t: a: paused by hand",
        "t: b: the spool is full",
    ]


def test_an_input_without_a_record_is_named() -> None:
    assert notes(replace(EMPTY, inputs=("-",))) == ["standard input: no record has come yet; the first makes it a table"]
