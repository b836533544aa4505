"""The one table, and how it is reached."""

import os
from datetime import date

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

DEFAULT_URL = "sqlite:///data/inventory.db"


class Base(DeclarativeBase):
    pass


class Machine(Base):
    __tablename__ = "machines"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True, index=True)
    datacenter: Mapped[str]
    cluster: Mapped[str]
    host: Mapped[str]
    power: Mapped[str]
    os: Mapped[str]
    cpus: Mapped[int]
    memory_mib: Mapped[int]
    disk_gib: Mapped[float]
    used_gib: Mapped[float]
    address: Mapped[str | None]
    owner: Mapped[str | None]
    created: Mapped[date]

    def as_row(self) -> dict:
        return {column.name: getattr(self, column.name) for column in self.__table__.columns if column.name != "id"}


COLUMNS = [column.name for column in Machine.__table__.columns if column.name != "id"]


def database_url() -> str:
    return os.environ.get("INVENTORY_DB", DEFAULT_URL)


def open_engine(url: str | None = None) -> Engine:
    engine = create_engine(url or database_url())
    Base.metadata.create_all(engine)
    return engine


def open_session(url: str | None = None) -> Session:
    return Session(open_engine(url))
