from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from flythrough.errors import InputError
from flythrough.serve.board import fair_order
from flythrough.serve.store import Store, Video


def video(number: int, client: str = "a", **more: object) -> Video:
    given = {
        "id": f"video_{number:032x}",
        "client": client,
        "status": "queued",
        "model": "toy",
        "prompt": "",
        "name": "",
        "seed": 0,
        "fps": 16.0,
        "width": 96,
        "height": 64,
        "frames": 17,
        "request": "{}",
        "created_at": float(number),
    }
    return Video(**(given | more))


def numbered(*clients: str) -> list[Video]:
    rows = [video(number, client) for number, client in enumerate(clients, 1)]
    for number, row in enumerate(rows, 1):
        row.number = number
    return rows


def order_of(videos: list[Video], served: dict[str, float]) -> list[int]:
    return [one.number for one in fair_order(videos, served)]


def test_clients_take_turns_and_each_one_s_jobs_stay_in_order() -> None:
    assert order_of(numbered("a", "a", "a", "b", "b", "c"), {}) == [1, 4, 6, 2, 5, 3]


def test_who_was_served_longest_ago_comes_first() -> None:
    assert order_of(numbered("a", "b", "c"), {"a": 3.0, "b": 1.0, "c": 2.0}) == [2, 3, 1]


def test_what_runs_stays_in_front() -> None:
    rows = numbered("a", "b", "a")
    rows[2].status = "in_progress"
    assert order_of(rows, {"a": 9.0})[0] == 3


def test_a_store_gives_back_what_was_put_in_after_it_was_opened_anew(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.sqlite")
    assert store.add(video(1))
    store.change(video(1).id, status="failed", error_message="it rained")
    store.close()

    again = Store(tmp_path / "jobs.sqlite")
    found = again.get(video(1).id)
    again.close()
    assert found is not None
    assert (found.status, found.error_message) == ("failed", "it rained")


def test_a_repeated_request_makes_no_second_job(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.sqlite")
    assert store.add(video(1, repeat="key"))
    assert not store.add(video(2, repeat="key"))
    assert [one.id for one in store.with_status("queued")] == [video(1).id]
    store.close()


def test_pages_follow_each_other_without_gap_or_repetition(tmp_path: Path) -> None:
    store, seen, after = Store(tmp_path / "jobs.sqlite"), list[str](), None
    for number in range(1, 8):
        store.add(video(number))
    more = True
    while more:
        page, more = store.page(3, after, newest_first=True)
        seen += [one.id for one in page]
        after = page[-1].id
    assert seen == [video(number).id for number in range(7, 0, -1)]
    with pytest.raises(InputError, match="there is no such video"):
        store.page(3, "video_unknown", newest_first=True)
    store.close()


def test_commits_reach_the_disk_before_they_return(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.sqlite")
    with store.engine.connect() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    store.close()
    assert (mode, synchronous) == ("wal", 2)


def test_a_second_server_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.sqlite")
    code = (
        "import sys; from pathlib import Path; from flythrough.serve.store import Store; from flythrough.errors import"
        " InputError\ntry: Store(Path(sys.argv[1]))\nexcept InputError as error: print(error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "jobs.sqlite"], capture_output=True, text=True, check=True
    )
    store.close()
    assert "another server works in this folder" in said.stdout


def test_a_database_of_another_version_or_none_at_all_is_left_alone(tmp_path: Path) -> None:
    newer = tmp_path / "newer.sqlite"
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InputError, match="is of version 99"):
        Store(newer)
    (tmp_path / "text.sqlite").write_text("not a database at all, but long enough to look at" * 40)
    with pytest.raises(InputError, match="cannot be used as a database"):
        Store(tmp_path / "text.sqlite")
