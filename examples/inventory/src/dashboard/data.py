"""What the dashboard shows: the database, or the sample while that is empty."""

import os
from pathlib import Path

import pandas as pd

from src.models import open_session
from src.tables import machines_frame, read_export


def load_frame() -> tuple[pd.DataFrame, bool]:
    """The machines, and whether they are only the sample."""
    with open_session() as session:
        frame = machines_frame(session)
    sample = Path(os.environ.get("INVENTORY_SAMPLE", "data/machines.csv"))
    if not frame.empty or not sample.exists():
        return frame, False
    return read_export(sample).infer_objects(), True
