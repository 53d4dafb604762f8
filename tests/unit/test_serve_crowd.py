"""A crowd that asks how far a video is."""

from __future__ import annotations

import heapq

import pytest

from flythrough.serve.crowd import MOST_A_SECOND, Crowd


@pytest.mark.parametrize("askers", [1, 25, 200, 400])
def test_however_many_ask_together_they_ask_no_more_than_so_often(askers: int) -> None:
    crowd, asked = Crowd(), 0
    due = [(number / askers, number) for number in range(askers)]
    while due[0][0] < 60:
        now, number = heapq.heappop(due)
        heapq.heappush(due, (now + crowd.wait_s(1.0, now), number))
        asked += now >= 30  # once it has settled
    assert 0.5 * min(askers, MOST_A_SECOND) <= asked / 30 <= 1.5 * min(askers, MOST_A_SECOND)
