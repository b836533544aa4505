import pytest

pytest.importorskip("streamlit", reason="the extra `dashboard` is not installed")

from streamlit.testing.v1 import AppTest

from conftest import CSV
from src.dashboard import check
from src.models import open_session
from src.tables import read_export, store


def test_every_page_of_the_sample(url):
    assert check.pages() == ["Overview", "Storage", "Machines"]


def test_the_database_comes_first(url):
    with open_session(url) as session:
        store(session, read_export(CSV).head(12))
    app = AppTest.from_file(str(check.APP), default_timeout=60).run()
    assert not app.exception
    assert not app.info
    assert app.metric[0].value == "12"


def test_nothing_to_show(url, monkeypatch, tmp_path):
    monkeypatch.setenv("INVENTORY_SAMPLE", str(tmp_path / "none.csv"))
    app = AppTest.from_file(str(check.APP), default_timeout=60).run()
    assert not app.exception
    assert app.warning[0].value.startswith("No machines")
