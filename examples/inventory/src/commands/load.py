"""`inventory load`."""

from pathlib import Path

import click

from src.models import open_session
from src.tables import read_export, store


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--sheet", default="vInfo", show_default=True, help="The sheet of an XLSX file.")
@click.option("--replace", is_flag=True, help="Forget the machines that are there.")
@click.pass_obj
def load(url: str, source: Path, sheet: str, replace: bool) -> None:
    """Loads the export SOURCE (CSV or XLSX) into the database."""
    try:
        frame = read_export(source, sheet)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    with open_session(url) as session:
        count = store(session, frame, replace)
    click.echo(f"{count} machines loaded from {source}")
