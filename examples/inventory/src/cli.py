"""The command line: `inventory`."""

import click

from src.commands.anonymize import anonymize
from src.commands.dashboard import dashboard
from src.commands.export import export
from src.commands.load import load
from src.commands.report import report
from src.commands.show import list_machines, summary
from src.models import database_url


@click.group()
@click.version_option(package_name="inventory")
@click.option("--db", metavar="URL", help="Database; without it $INVENTORY_DB, or data/inventory.db.")
@click.pass_context
def cli(context: click.Context, db: str | None) -> None:
    """Loads exports of virtual machines into a database, and reports on them."""
    context.obj = db or database_url()


for command in (load, list_machines, summary, export, anonymize, report, dashboard):
    cli.add_command(command)

if __name__ == "__main__":
    cli()
