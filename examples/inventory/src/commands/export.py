"""`inventory export`."""

from pathlib import Path

import click

from src.models import open_session
from src.tables import HEADINGS, machines_frame


@click.command()
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def export(url: str, target: Path) -> None:
    """Writes the machines to TARGET; its ending says how: .csv, .xlsx or .json."""
    with open_session(url) as session:
        frame = machines_frame(session)
    titled = frame.rename(columns={column: heading for heading, column in HEADINGS.items()})
    match target.suffix.lower():
        case ".csv":
            titled.to_csv(target, index=False)
        case ".xlsx":
            titled.to_excel(target, index=False, sheet_name="vInfo", engine="openpyxl")
        case ".json":
            frame.to_json(target, orient="records", indent=2, default_handler=str)
        case _:
            raise click.ClickException(f"{target}: none of .csv, .xlsx, .json")
    click.echo(f"{len(frame)} machines written to {target}")
