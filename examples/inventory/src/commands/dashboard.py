"""`inventory dashboard`."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

APP = Path(__file__).parent.parent / "dashboard" / "app.py"


@click.command()
@click.option("--port", default=8501, show_default=True)
@click.option("--address", default="127.0.0.1", show_default=True)
@click.pass_obj
def dashboard(url: str, port: int, address: str) -> None:
    """Serves the dashboard until interrupted."""
    if find_spec("streamlit") is None:
        raise click.ClickException("streamlit is missing: pip install 'inventory[dashboard]'")
    command = [sys.executable, "-m", "streamlit", "run", str(APP), f"--server.port={port}", f"--server.address={address}"]
    sys.exit(subprocess.call(command, env={**os.environ, "INVENTORY_DB": url}))
