from pathlib import Path

import pytest
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parent.parent
CSV = ROOT / "data" / "machines.csv"
XLSX = ROOT / "data" / "machines.xlsx"


@pytest.fixture
def url(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/inventory.db"
    monkeypatch.setenv("INVENTORY_DB", url)
    monkeypatch.setenv("INVENTORY_SAMPLE", str(CSV))
    return url


@pytest.fixture
def run(url):
    """Runs a command line, and returns its output; it has to succeed."""
    from src.cli import cli

    def run(*args):
        result = CliRunner().invoke(cli, [str(arg) for arg in args])
        assert result.exit_code == 0, result.output
        return result.output

    return run


@pytest.fixture
def loaded(run):
    run("load", CSV)
    return run
