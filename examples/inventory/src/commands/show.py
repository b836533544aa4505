"""`inventory list` and `inventory summary`."""

import click

from src.models import open_session
from src.tables import machines_frame, summary_by


@click.command("list")
@click.option("--cluster", help="Only the machines of this cluster.")
@click.option("--power", type=click.Choice(["poweredOn", "poweredOff", "suspended"]))
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
@click.pass_obj
def list_machines(url: str, cluster: str | None, power: str | None, limit: int | None) -> None:
    """Lists machines, one a line."""
    with open_session(url) as session:
        frame = machines_frame(session)
    if cluster:
        frame = frame[frame["cluster"] == cluster]
    if power:
        frame = frame[frame["power"] == power]
    if limit:
        frame = frame.head(limit)
    for row in frame.itertuples():
        click.echo(f"{row.name:<24} {row.cluster:<12} {row.power:<11} {row.cpus:>3} CPU {row.memory_mib / 1024:>6.1f} GiB  {row.os}")


@click.command()
@click.option(
    "--by",
    type=click.Choice(["datacenter", "cluster", "host", "power", "os", "owner"]),
    default="cluster",
    show_default=True,
)
@click.pass_obj
def summary(url: str, by: str) -> None:
    """Counts machines, CPUs, memory and disk."""
    with open_session(url) as session:
        frame = machines_frame(session)
    if frame.empty:
        raise click.ClickException("no machines: load an export first")
    click.echo(summary_by(frame, by).to_string(index=False))
