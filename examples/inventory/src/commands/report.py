"""`inventory report`."""

from pathlib import Path

import click

from src.models import open_session
from src.tables import machines_frame


@click.command()
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--title", default="Virtual machines", show_default=True)
@click.pass_obj
def report(url: str, target: Path, title: str) -> None:
    """Writes a Word document with tables and a chart to TARGET."""
    # matplotlib alone takes longer to import than the other commands take to run.
    try:
        from src.reports.document import write_report
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is missing: pip install 'inventory[reports]'") from error

    with open_session(url) as session:
        frame = machines_frame(session)
    if frame.empty:
        raise click.ClickException("no machines: load an export first")
    write_report(frame, target, title)
    click.echo(f"report on {len(frame)} machines written to {target}")
