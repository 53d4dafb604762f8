"""What a server must not forget: SQLite in WAL mode, where a commit is on the disk when it returns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, delete, event, func, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from flythrough.errors import InputError

VERSION = 1
ACTIVE = ("queued", "in_progress")
DELETED = "deleted"  # nobody sees it any more; its files go as soon as nobody writes them


class Base(DeclarativeBase):
    """All tables."""


class Video(Base):
    """A job. number: the order in which they came; client: whose turn it is counted as; request: JSON."""

    __tablename__ = "videos"

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    client: Mapped[str]
    repeat: Mapped[str | None] = mapped_column(unique=True, default=None)  # what tells a request sent twice
    status: Mapped[str] = mapped_column(default="queued", index=True)
    model: Mapped[str]
    prompt: Mapped[str]
    name: Mapped[str]
    seed: Mapped[int]
    fps: Mapped[float]
    width: Mapped[int]
    height: Mapped[int]
    frames: Mapped[int]
    frames_done: Mapped[int] = mapped_column(default=0)
    request: Mapped[str]
    created_at: Mapped[float]
    started_at: Mapped[float | None] = mapped_column(default=None)
    completed_at: Mapped[float | None] = mapped_column(default=None)
    error_code: Mapped[str | None] = mapped_column(default=None)
    error_message: Mapped[str | None] = mapped_column(default=None)
    crashes: Mapped[int] = mapped_column(default=0)  # how often the server ended while making it, in a row


class Store:
    """The jobs on disk. Safe from threads. Rows that it gives are copies."""

    def __init__(self, path: Path) -> None:
        """Raises InputError where the file is no database of ours, or another server has it."""
        self.path = path
        self._lock = _only_one(path.with_suffix(".lock"))
        self.engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
        event.listen(self.engine, "connect", _settle)
        try:
            with self.engine.begin() as connection:
                version = connection.execute(text("PRAGMA user_version")).scalar_one()
                if version not in (0, VERSION):
                    raise InputError(
                        f"{path}: is of version {version}; this flythrough reads version {VERSION}"
                    )
                Base.metadata.create_all(connection)
                connection.execute(text(f"PRAGMA user_version = {VERSION}"))
        except DatabaseError as error:
            self.close()
            raise InputError(f"{path}: cannot be used as a database ({error.orig})") from None
        except InputError:
            self.close()
            raise

    def close(self) -> None:
        if hasattr(self, "engine"):
            self.engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def add(self, video: Video) -> bool:
        """Take a job on; once this returns it is safe. False: its `repeat` has been taken on before."""
        with Session(self.engine, expire_on_commit=False) as session:
            session.add(video)
            try:
                session.commit()
            except IntegrityError:
                return False
            session.expunge_all()
        return True

    def get(self, id: str) -> Video | None:
        return self._one(select(Video).where(Video.id == id, Video.status != DELETED))

    def repeated(self, key: str) -> Video | None:
        """The job that a request with this key has made."""
        return self._one(select(Video).where(Video.repeat == key, Video.status != DELETED))

    def page(self, limit: int, after: str | None, newest_first: bool) -> tuple[list[Video], bool]:
        """Jobs in the order in which they came, and whether there are more. Raises InputError: after is unknown."""
        query = select(Video).where(Video.status != DELETED)
        if after is not None:
            start = self.get(after)
            if start is None:
                raise InputError(f"after is {after!r}; there is no such video")
            query = query.where(Video.number < start.number if newest_first else Video.number > start.number)
        query = query.order_by(Video.number.desc() if newest_first else Video.number).limit(limit + 1)
        rows = self._all(query)
        return rows[:limit], len(rows) > limit

    def with_status(self, *statuses: str) -> list[Video]:
        return self._all(select(Video).where(Video.status.in_(statuses)).order_by(Video.number))

    def ids(self) -> set[str]:
        with Session(self.engine) as session:
            return set(session.scalars(select(Video.id)))

    def served(self) -> dict[str, float]:
        """When a job of each client was started last."""
        query = select(Video.client, func.max(Video.started_at)).group_by(Video.client)
        with Session(self.engine) as session:
            return {client: at for client, at in session.execute(query) if at is not None}

    def change(self, id: str, **values: Any) -> None:
        with Session(self.engine) as session:
            session.execute(update(Video).where(Video.id == id).values(**values))
            session.commit()

    def remove(self, id: str) -> None:
        with Session(self.engine) as session:
            session.execute(delete(Video).where(Video.id == id))
            session.commit()

    def _one(self, query: Any) -> Video | None:
        with Session(self.engine, expire_on_commit=False) as session:
            return session.scalars(query).first()

    def _all(self, query: Any) -> list[Video]:
        with Session(self.engine, expire_on_commit=False) as session:
            rows: Sequence[Video] = session.scalars(query).all()
            return list(rows)


def _settle(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _only_one(path: Path) -> int | None:
    """Two servers on one queue would make each video twice. The system lets go of it however a process ends."""
    try:
        import fcntl
    except ImportError:  # not a Unix
        return None
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise InputError(
            f"{path.parent}: another server works in this folder; stop it, or give another --data"
        ) from None
    except OSError:  # a file system without locks
        pass
    return lock
