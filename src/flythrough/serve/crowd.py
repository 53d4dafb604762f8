"""How long those who ask again and again are told to wait: a crowd must not slow down what it waits for."""

from __future__ import annotations

from collections import deque

MOST_A_SECOND = 30.0  # questions of all together; each takes the server about a millisecond
LOOK_BACK_S = 2.0
LONGEST_S = 15.0


class Crowd:
    """Counts questions, and from how often they come and how long their askers were told to wait, the askers."""

    def __init__(self) -> None:
        self._asked: deque[float] = deque()
        self._wait_s = 1.0

    def wait_s(self, least: float, now: float) -> float:
        """What the asker of this question is told, at least `least` seconds. now: a monotonic clock."""
        self._asked.append(now)
        while self._asked[0] < now - LOOK_BACK_S:
            self._asked.popleft()
        askers = len(self._asked) / LOOK_BACK_S * self._wait_s
        self._wait_s = min(max(askers / MOST_A_SECOND, 1.0), LONGEST_S)
        return max(least, self._wait_s)
