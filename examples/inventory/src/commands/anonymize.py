"""`inventory anonymize`: a copy of an export that can leave the house."""

import hashlib
from pathlib import Path
from rich.console import Console

import click

from src.models import open_session
from src.tables import HEADINGS, machines_frame

console = Console()

# Column, and what a stand-in for one of its values begins with.
SECRETS = {"name": "vm", "host": "host", "owner": "owner", "address": "ip", "cluster": "cluster", "datacenter": "dc"}


def pseudonym(prefix: str, value: object, salt: str) -> str:
    """The same value gives the same name, so that groups stay groups."""
    digest = hashlib.blake2b(str(value).encode(), key=salt.encode()[:64], digest_size=4)
    return f"{prefix}-{digest.hexdigest()}"


@click.command()
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--salt", default="", help="Keep it secret, and the names cannot be guessed.")
@click.pass_obj
def anonymize(url: str, target: Path, salt: str) -> None:
    """Writes the machines to TARGET (CSV) without any true name."""
    with open_session(url) as session:
        frame = machines_frame(session)
    for column, prefix in SECRETS.items():
        frame[column] = [value and pseudonym(prefix, value, salt) for value in frame[column]]
    frame.rename(columns={column: heading for heading, column in HEADINGS.items()}).to_csv(target, index=False)
    console.print(f"[green]{len(frame)} machines[/green] without names in [bold]{target}[/bold]")
