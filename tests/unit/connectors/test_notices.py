"""What a user is told: once, and not too often."""

from __future__ import annotations

import threading

from tests.conftest import wait_until
from workbench.connectors.sockets.address import peer_name
from workbench.connectors.sockets.misframed import EVERY, Misframed
from workbench.connectors.spool.notices import MOST, Notices
from workbench.connectors.spool.paced import Paced


def test_one_of_a_kind_in_a_while() -> None:
    now = [0.0]
    notices = Notices(lambda: now[0])
    for second in range(25):
        now[0] = second
        notices.tell(f"full at {second}", "full", 10.0)
        notices.tell("other")
    told = notices.take()
    assert [text for text in told if text != "other"] == [
        "full at 0",
        "full at 10 (9 more like this since the last)",
        "full at 20 (9 more like this since the last)",
    ]
    assert told.count("other") == 25
    notices.forget("full")
    notices.tell("full anew", "full", 10.0)
    assert notices.take() == ["full anew"]


def test_who_does_not_speak_the_framing_is_told_by_host() -> None:
    now, told = [0.0], list[str]()
    misframed = Misframed("octet", told.append, lambda: now[0])
    misframed.add("10.0.0.1:5000", "not b'a'")
    misframed.add("[fe80::1]:5000", "not b'b'")
    misframed.add("10.0.0.1:5001", "not b'c'")
    misframed.add("10.0.0.1:5002", "not b'd'")
    assert [text.split()[0] for text in told] == ["10.0.0.1:5000", "[fe80::1]:5000"]
    now[0] = 4.0
    assert misframed.due() == EVERY - 4.0
    now[0] = EVERY
    assert misframed.due() == EVERY
    assert "3 connections from 10.0.0.1 did not speak" in told[2]
    assert "not b'd'" in told[2]
    misframed.add("10.0.0.1:5003", "not b'e'")
    misframed.finish()
    assert "4 connections from 10.0.0.1 did not" in told[3]
    now[0] = 3 * EVERY
    misframed.due()
    misframed.add("10.0.0.1:5004", "not b'f'")
    assert told[4].startswith("10.0.0.1:5004 does not speak")
    assert len(told) == 5


def test_a_flood_of_notices_is_bounded() -> None:
    notices = Notices()
    for i in range(MOST + 5):
        notices.tell(str(i))
    told = notices.take()
    assert len(told) == MOST + 1
    assert told[-1] == "5 more notices were left out"
    assert notices.take() == []


def test_rings_become_one_and_the_last_one_is_heard() -> None:
    rung, done = threading.Event(), []

    def work() -> None:
        rung.wait()
        done.append(1)

    paced = Paced("test", 0.0, work)
    paced.ring()
    for _ in range(100):
        paced.ring()
    rung.set()
    wait_until(lambda: done)
    paced.finish()
    assert 2 <= len(done) <= 3


def test_work_that_fails_is_done_again() -> None:
    done: list[int] = []

    def work() -> None:
        done.append(1)
        if len(done) == 1:
            raise ValueError

    paced = Paced("test", 0.0, work)
    paced.ring()
    wait_until(lambda: len(done) == 1)
    paced.ring()
    wait_until(lambda: len(done) == 2)
    paced.stop()


def test_names_of_peers() -> None:
    assert peer_name(("127.0.0.1", 5)) == "127.0.0.1:5"
    assert peer_name(("::ffff:10.0.0.1", 5, 0, 0)) == "10.0.0.1:5"
    assert peer_name(("fe80::1", 5, 0, 2)) == "[fe80::1]:5"
    assert peer_name("/run/a\nb") == "/run/a?b"
    assert peer_name(b"\0abstract") == "@abstract"
    assert peer_name(None) == peer_name("") == ""
