"""Draws every page of the dashboard without a browser or a port."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

APP = Path(__file__).parent / "app.py"


def pages() -> list[str]:
    """Draws all pages and returns their names; the first exception on a page is raised."""
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    drawn = []
    for page in app.sidebar.radio[0].options if app.sidebar.radio else ["(empty)"]:
        if app.sidebar.radio:
            app.sidebar.radio[0].set_value(page).run()
        if app.exception:
            raise RuntimeError(f"{page}: {app.exception[0].message}")
        drawn.append(page)
    return drawn
