"""Reads exports, and moves machines between the database and data frames."""

from pathlib import Path

import pandas as pd
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from src.models import COLUMNS, Machine

# Headings as the hypervisor's export writes them.
HEADINGS = {
    "VM": "name",
    "Datacenter": "datacenter",
    "Cluster": "cluster",
    "Host": "host",
    "Powerstate": "power",
    "OS": "os",
    "CPUs": "cpus",
    "Memory MiB": "memory_mib",
    "Provisioned GiB": "disk_gib",
    "In use GiB": "used_gib",
    "Primary IP": "address",
    "Owner": "owner",
    "Creation date": "created",
}


class BadExport(ValueError):
    """The file is not an export that this program reads."""


def read_export(path: Path, sheet: str = "vInfo") -> pd.DataFrame:
    """Reads a CSV or XLSX export, and returns it under the names of the model's columns."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        frame = pd.read_csv(path)
    elif suffix == ".xlsx":
        frame = pd.read_excel(path, sheet_name=sheet, engine="openpyxl")
    else:
        raise BadExport(f"{path}: neither .csv nor .xlsx")
    missing = [heading for heading in HEADINGS if heading not in frame.columns]
    if missing:
        raise BadExport(f"{path}: no column {', '.join(missing)}")
    frame = frame.rename(columns=HEADINGS)[COLUMNS]
    frame["created"] = pd.to_datetime(frame["created"]).dt.date
    return frame.astype(object).where(frame.notna(), None)


def store(session: Session, frame: pd.DataFrame, replace: bool = False) -> int:
    """Stores the machines of a frame; one that is there already, by name, is brought up to date."""
    if replace:
        session.execute(delete(Machine))
    known = {machine.name: machine for machine in session.scalars(select(Machine))}
    for row in frame.to_dict(orient="records"):
        machine = known.get(row["name"])
        if machine is None:
            machine = known[row["name"]] = Machine()
            session.add(machine)
        for column, value in row.items():
            setattr(machine, column, value)
    session.commit()
    return len(frame)


def machines_frame(session: Session) -> pd.DataFrame:
    rows = [machine.as_row() for machine in session.scalars(select(Machine).order_by(Machine.name))]
    return pd.DataFrame(rows, columns=COLUMNS)


def summary_by(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Machines, CPUs, memory and disk for each value of a column, the largest group first."""
    groups = frame.groupby(column).agg(
        machines=("name", "count"),
        cpus=("cpus", "sum"),
        memory_gib=("memory_mib", lambda mib: mib.sum() / 1024),
        disk_gib=("disk_gib", "sum"),
        used_gib=("used_gib", "sum"),
    )
    return groups.sort_values(["machines", "cpus"], ascending=False).round(1).reset_index()
