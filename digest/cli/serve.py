"""The command that keeps running: the service."""

from typing import Annotated

import typer

from digest.cli.state import leave, note, state

NO_WEB = typer.Option("--no-web", help="Listen nowhere; digest web may then run beside it.")


def register(cli: typer.Typer) -> None:
    """Add this module's command to the tree."""
    cli.command("serve")(serve)


def serve(context: typer.Context, no_web: Annotated[bool, NO_WEB] = False) -> None:
    """Keep running until told to stop: read the sources, compose what is due, send it, serve the web.

    Reads the mailbox of bounces too where one is set, and does the work of the night: the model fitted
    again, what is too old dropped, a copy kept. digest run does all that once.

    On SIGTERM or Ctrl-C what is at work has nine seconds to end; a second one ends it at once.
    """
    from digest.notify import Notifier
    from digest.serving import Service, spare_memory

    spare_memory()
    service = Service(state(context).app, with_web=not no_web, notifier=Notifier.from_environ(), say=note)
    try:
        if service.run():
            note("digest: stopped")
            return
        code = 0
    except KeyboardInterrupt:
        code = 130  # as shells say of what Ctrl-C ended
    note("digest: stopped in the middle of a job; what it had not finished is done by the next run")
    leave(code)
