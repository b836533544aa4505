from datetime import date

import pytest
from conftest import CSV, XLSX
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from src.models import COLUMNS, Machine, open_session
from src.tables import BadExport, machines_frame, read_export, store, summary_by


def test_csv_and_xlsx_hold_the_same():
    csv, xlsx = read_export(CSV), read_export(XLSX)
    assert list(csv.columns) == COLUMNS
    assert csv.astype(str).equals(xlsx.astype(str))


def test_loading_twice_changes_nothing(url):
    with open_session(url) as session:
        assert store(session, read_export(CSV)) == 200
        once = machines_frame(session)
        store(session, read_export(CSV))
        assert machines_frame(session).equals(once)
        assert session.scalar(select(func.count(Machine.id))) == 200


def test_types_survive_the_database(url):
    with open_session(url) as session:
        store(session, read_export(CSV).head(1))
        machine = session.scalars(select(Machine)).one()
    assert machine.created == date(2019, 12, 8)
    assert (machine.cpus, machine.memory_mib, machine.disk_gib) == (4, 16384, 37.5)


def test_names_are_unique(url):
    with open_session(url) as session:
        row = read_export(CSV).iloc[0].to_dict()
        session.add_all([Machine(**row), Machine(**row)])
        with pytest.raises(IntegrityError):
            session.commit()


def test_summary_adds_up():
    frame = read_export(CSV)
    summary = summary_by(frame, "cluster")
    assert summary["machines"].sum() == 200
    assert summary["cpus"].sum() == frame["cpus"].sum()


def test_a_table_without_the_columns(tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("VM,CPUs\na,1\n")
    with pytest.raises(BadExport, match="no column Datacenter"):
        read_export(other)
