"""The command that serves the web, and the password of its pages for the operator."""

import socket
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.state import note, print_lines, state
from digest.errors import UsageError

if TYPE_CHECKING:
    from digest.config import Settings


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
    import uvicorn

    from digest.web import make_web

    app = state(context).app
    with _listen(app.settings, host, port) as listening:
        where = listening.getsockname()
        shown = f"[{where[0]}]" if ":" in where[0] else where[0]
        note(f"digest: the web is at {app.settings.base_url or f'http://{shown}:{where[1]}'}/")
        if app.settings.sign_ups == "open" and app.settings.base_url is None:
            note("digest: nobody can sign up by mail: set base_url, which the mail's link leads to")
        server = uvicorn.Server(
            uvicorn.Config(
                make_web(app),
                lifespan="off",
                access_log=False,  # addresses hold tokens
                log_config=None,
                proxy_headers=False,  # seen to inside, so that it is the same everywhere
                server_header=False,
                timeout_graceful_shutdown=10,
                limit_concurrency=1000,
            )
        )
        server.run(sockets=[listening])


def _listen(settings: "Settings", host: str | None, port: int | None) -> socket.socket:
    """A socket that listens; ``UsageError`` in words where that cannot be."""
    host = settings.web_host if host is None else host
    port = settings.web_port if port is None else port
    with ExitStack() as on_failure:
        try:
            # With its protocol's number: asyncio ends Nagle's delay (40 ms an answer) only where it sees TCP.
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listening = on_failure.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(512)
        except OSError as error:
            raise UsageError(
                f"the web cannot listen on {host} port {port}: {error.strerror or error}"
            ) from error
        on_failure.pop_all()
    return listening
