from __future__ import annotations

import threading
import time

import pytest

from flythrough.serve.turns import Turns


def queue_up(turns: Turns, names: list[str], order: list[str]) -> list[threading.Thread]:
    """Threads that wait for a turn, in this order."""

    def take(name: str) -> None:
        with turns.take(name):
            order.append(name)

    threads = []
    for count, name in enumerate(names, 1):
        thread = threading.Thread(target=take, args=(name,))
        thread.start()
        while turns.waiting < count:
            time.sleep(0.001)
        threads.append(thread)
    return threads


def test_turns_go_round_robin_however_many_one_of_them_wants() -> None:
    turns, order = Turns(), list[str]()
    with turns.take("first"):
        threads = queue_up(turns, ["job", "job", "job", "a", "b", "a"], order)
    for thread in threads:
        thread.join(5)
    assert order == ["job", "a", "b", "job", "a", "job"]
    assert turns.holder is None
    assert turns.waiting == 0


def test_nobody_has_a_turn_beside_another() -> None:
    turns, inside, most = Turns(), 0, 0

    def work(name: str) -> None:
        nonlocal inside, most
        for _ in range(200):
            with turns.take(name):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work, args=(str(n % 3),)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == 1


def test_a_turn_that_ends_in_an_error_is_given_on() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.take("a"):
        raise ZeroDivisionError
    with turns.take("b"):
        assert turns.holder == "b"
