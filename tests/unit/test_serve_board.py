"""Where jobs stand, and when they will be there."""

from __future__ import annotations

from flythrough.serve.board import Board
from flythrough.serve.store import Video


def video(number: int, client: str = "a", status: str = "queued", **more: object) -> Video:
    given = {"model": "mini", "prompt": "", "name": "", "seed": 0, "fps": 16.0, "width": 96, "height": 64}
    given |= {"frames": 100, "frames_done": 0, "request": "{}", "created_at": 1.0, "crashes": 0}
    return Video(id=f"video_{number}", number=number, client=client, status=status, **(given | more))


def standing(board: Board) -> list[tuple[str, int | None, float | None]]:
    jobs = [board.view(one) for one in board]
    return [(job.id, job.position, job.eta_s) for job in jobs]


def test_nobody_knows_how_long_it_takes_before_a_first_job_has_shown_it() -> None:
    board = Board()
    board.fill([video(1), video(2)], {})
    assert standing(board) == [("video_1", 0, None), ("video_2", 1, None)]

    first = board.next()
    assert first is not None
    first.status = "in_progress"
    board.begin(first, 10.0)
    board.progress(first.id, 20, 4.0)
    assert standing(board) == [("video_1", 0, 20.0), ("video_2", 1, None)]
    assert board.view(first).progress == 20

    board.rest(first)
    board.take(first.id)
    first.status = "completed"
    assert standing(board) == [("video_2", 0, 25.0)]  # at the rate of the one before
    assert (board.view(first).position, board.view(first).progress) == (None, 100)
    assert len(board) == 1


def test_two_that_are_made_at_once_halve_the_wait_of_the_third() -> None:
    board = Board(at_once=2)
    board.fill([], {"a": 5.0, "b": 6.0})
    for number, client in ((1, "a"), (2, "b"), (3, "a")):
        board.put(video(number, client))
    for now in (10.0, 11.0):
        one = board.next()
        assert one is not None
        one.status = "in_progress"
        board.begin(one, now)
        board.progress(one.id, 50, 5.0)
    assert standing(board)[:2] == [("video_1", 0, 10.0), ("video_2", 1, 10.0)]
    third = board.next()
    assert third is not None
    assert third.id == "video_3"
    assert board.view(third).eta_s is None  # a model's rate is known when one has ended
    for one in list(board)[:2]:
        board.rest(one)
        board.begin(one, 12.0)
        board.progress(one.id, 50, 5.0)
    assert board.view(third).eta_s == 10 / 2 + 10 / 2 + 100 / 5


def test_a_client_that_was_served_has_its_next_job_after_the_others() -> None:
    board = Board()
    board.fill([video(1, "a"), video(2, "a"), video(3, "b")], {})
    first = board.next()
    assert first is not None
    first.status = "in_progress"
    board.begin(first, 10.0)
    assert [one.id for one in board] == ["video_1", "video_3", "video_2"]
