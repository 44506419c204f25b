"""The command that serves the web, and the password of its pages for the operator."""

import sys
from typing import Annotated

import typer

from digest.cli.state import note, print_lines, state
from digest.errors import UsageError


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    served = typer.Typer()
    served.callback(invoke_without_command=True)(web)
    served.command("password")(password)
    cli.add_typer(served, name="web")


def password() -> None:
    """Ask for the operator's password and print its hash, which goes into the settings.

    Asks twice at a terminal, else takes one line from stdin. The password itself is kept nowhere.
    """
    from digest.pipeline.passwords import hash_password

    if sys.stdin.isatty():
        given = typer.prompt("Password for the pages under /admin", hide_input=True, err=True)
        if typer.prompt("The same once more", hide_input=True, err=True) != given:
            raise UsageError("these were two different passwords; nothing was made")
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    made = hash_password(given)
    note("digest: set this as admin_password_hash; in .env or a shell between single quotes ('), for its $")
    print_lines(made)


def web(
    context: typer.Context,
    host: Annotated[str | None, typer.Option("--host", help="The address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="The port; 0 for any that is free.")
    ] = None,
) -> None:
    """Serve the pages, feeds and the JSON interface until it is stopped.

    Sends no mail itself: what it plans, such as confirmations, leaves with digest deliver, run or serve.
    """
    if context.invoked_subcommand is not None:
        return
    from digest.web.running import address_of, listen, make_server

    app = state(context).app
    with listen(app.settings, host, port) as listening:
        note(f"digest: the web is at {address_of(listening, app.settings)}")
        if app.settings.sign_ups == "open" and app.settings.base_url is None:
            note("digest: nobody can sign up by mail: set base_url, which the mail's link leads to")
        make_server(app).run(sockets=[listening])
