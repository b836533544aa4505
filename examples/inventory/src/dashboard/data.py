"""What the dashboard shows: the database, or the sample while that is empty."""

import os
from pathlib import Path

import pandas as pd

from src.models import open_session
from src.tables import machines_frame, read_export

# Beside `src` in a checkout; in the image, where the work directory is.
SAMPLE = Path(os.environ.get("INVENTORY_SAMPLE", "data/machines.csv"))


def load_frame() -> tuple[pd.DataFrame, bool]:
    """The machines, and whether they are only the sample."""
    with open_session() as session:
        frame = machines_frame(session)
    if not frame.empty or not SAMPLE.exists():
        return frame, False
    return read_export(SAMPLE).infer_objects(), True
