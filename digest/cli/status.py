"""The command that shows how things stand: ``digest status``."""

from typing import Annotated

import typer

from digest.cli.state import Json, print_json, print_lines, state
from digest.errors import UsageError


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    cli.command("status")(status)


def status(
    context: typer.Context,
    metrics: Annotated[
        bool,
        typer.Option("--metrics", help="Print the metrics as Prometheus reads them, for node_exporter."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what happened, what is due, and what is wrong and what to do. Exit code 1: something is wrong."""
    app = state(context).app
    if metrics:
        if as_json:
            raise UsageError("--metrics is a format of its own; leave --json out")
        from digest.metrics import render_measures
        from digest.pipeline.measures import read_measures

        measures = read_measures(app.database, app.settings, app.sources(), app.now())
        print_lines(render_measures(measures).rstrip("\n"))
        return
    from digest.pipeline.status import look_at_status

    found = look_at_status(app.database, app.sources(), app.now(), app.restored(), app.losses())
    print_json(found.as_dict()) if as_json else print_lines(*found.lines())
    if not found.ok:
        raise typer.Exit(1)
