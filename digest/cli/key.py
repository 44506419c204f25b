"""Commands on the key that links are signed with: ``digest key``."""

from typing import Annotated

import typer

from digest.cli.state import Json, print_json, print_lines, state


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    key = typer.Typer(help="The key that links in mails are signed with.", no_args_is_help=True)
    key.command("rotate")(rotate)
    key.command("show")(show)
    cli.add_typer(key, name="key")


def rotate(
    context: typer.Context,
    days: Annotated[
        int,
        typer.Option("--days", help="So long other links in mails count by the key before; 0 if it leaked."),
    ] = 365,
    as_json: Json = False,
) -> None:
    """Sign with a new key. Leaving by any mail that was ever sent goes on working; log-ins end."""
    app = state(context).app
    until = app.rotate_key(days=days)
    shown = {"key": app.secret_key().name, "until": until.isoformat() if until else None}
    if as_json:
        print_json(shown)
        return
    others = f"until {until}" if until else "no more"
    print_lines(
        f"{shown['key']} signs from now on",
        f"links for leaving, and bounces, count by the older keys for ever; other links in mails {others}",
        "make a backup: the older keys are needed",
    )


def show(context: typer.Context, as_json: Json = False) -> None:
    """Show which keys there are, by names that tell nothing of them."""
    rows = state(context).app.key_names()
    if as_json:
        print_json(rows)
        return
    for row in rows:
        until = f"other links until {row['until']}" if row["until"] else "leaving only"
        print_lines(f"{row['key']}: " + ("signs" if row["signs"] else until))
