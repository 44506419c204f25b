"""The tree of commands."""

from typing import Annotated

import typer

from digest.cli import (
    backup,
    doctor,
    dump,
    evaluate,
    explaining,
    groups,
    incoming,
    key,
    mail,
    papers,
    profile,
    prune,
    rating,
    readers,
    reading,
    sending,
    serve,
    setup,
    sources,
    status,
    web,
)
from digest.cli.state import State

MODULES = (
    *(setup, status, doctor, serve, reading, sources, sending, explaining, mail, incoming),
    *(papers, readers, groups, profile, rating, web, evaluate),
    *(backup, dump, prune, key),
)


def make_cli() -> typer.Typer:
    """All commands under one root. Tracebacks of bugs stay plain: rich ones print local values."""
    cli = typer.Typer(
        name="digest",
        help="Reads the pages where trending papers appear and sends each reader one good digest.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    cli.callback()(_root)
    for module in MODULES:
        module.register(cli)
    return cli


def _version(value: bool) -> None:
    if value:
        from digest import __version__

        typer.echo(__version__)
        raise typer.Exit


def _root(
    context: typer.Context,
    now: Annotated[
        str | None, typer.Option("--now", metavar="ISO8601", help="Use this time instead of the clock.")
    ] = None,
    date: Annotated[
        str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="The day for the command that follows.")
    ] = None,
    version: Annotated[  # noqa: ARG001 - typer calls its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Reads the pages where trending papers appear and sends each reader one good digest."""
    here = State(now_text=now, day_text=date)
    context.obj = here
    context.call_on_close(here.close)
    if now is not None:
        from digest.cli.state import parse_time

        parse_time(now)
