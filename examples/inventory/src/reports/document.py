"""The Word report: totals, a table for each grouping, a chart of the clusters."""

from datetime import date
from io import BytesIO
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # before pyplot: a container has no display

import matplotlib.pyplot as plt
import pandas as pd
from docx import Document
from docx.shared import Cm

from src.tables import summary_by

GROUPINGS = {"cluster": "By cluster", "os": "By operating system", "power": "By power state"}


def chart(summary: pd.DataFrame) -> BytesIO:
    """Memory of each cluster, as a PNG."""
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    axes.barh(summary["cluster"][::-1], summary["memory_gib"][::-1], color="#3b6ea5")
    axes.set_xlabel("memory, GiB")
    image = BytesIO()
    figure.savefig(image, format="png", dpi=120)
    plt.close(figure)
    image.seek(0)
    return image


def add_table(document, frame: pd.DataFrame) -> None:
    table = document.add_table(rows=1, cols=len(frame.columns), style="Light Grid Accent 1")
    for cell, column in zip(table.rows[0].cells, frame.columns):
        cell.text = column.replace("_", " ")
    for row in frame.itertuples(index=False):
        for cell, value in zip(table.add_row().cells, row):
            cell.text = f"{value:,.1f}" if isinstance(value, float) else str(value)


def write_report(frame: pd.DataFrame, target: Path, title: str) -> None:
    document = Document()
    document.add_heading(title, level=0)
    document.add_paragraph(
        f"{len(frame)} machines, {frame['cpus'].sum()} CPUs, {frame['memory_mib'].sum() / 1024:,.0f} GiB of memory "
        f"and {frame['disk_gib'].sum():,.0f} GiB of disk on {date.today():%d %B %Y}."
    )
    document.add_picture(chart(summary_by(frame, "cluster")), width=Cm(15))
    for column, heading in GROUPINGS.items():
        document.add_heading(heading, level=1)
        add_table(document, summary_by(frame, column))
    document.save(str(target))
