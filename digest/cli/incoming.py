"""Commands on what comes back: bounces, complaints, replies, and addresses that are not written to."""

import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from digest.cli.state import Json, in_words, minute, note, print_json, print_lines, progress, state
from digest.errors import UsageError

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The address.")]
Place = Annotated[
    str | None,
    typer.Argument(
        metavar="[PATH|URL|-]",
        help="A Maildir, imaps://user:password@host/INBOX, or - for one mail on stdin; else as set.",
    ),
]
# EX_TEMPFAIL of sysexits.h: a mail server keeps the mail, and pipes it once more later.
TRY_AGAIN = 75
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many at most.")]


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    bounces = typer.Typer(help="Mail that came back, complaints, and commands by mail.", no_args_is_help=True)
    bounces.command("read")(read_bounces)
    bounces.command("list")(list_bounces)
    cli.add_typer(bounces, name="bounces")
    suppression = typer.Typer(help="Addresses that are not written to.", no_args_is_help=True)
    suppression.command("list")(list_suppressions)
    suppression.command("add")(add_suppression)
    suppression.command("remove")(remove_suppression)
    cli.add_typer(suppression, name="suppression")


def read_bounces(context: typer.Context, place: Place = None, as_json: Json = False) -> None:
    """Read incoming mail: bounces, complaints, and readers who write to leave. Deletes nothing.

    What was understood is marked as read. What is not ours stays unread, for a person to find.

    Exits with 1 if some mail cannot be read. The others are read all the same.

    With - it exits with 75 if the mail that came back is still being sent: a mail server then tries later.
    """
    from digest.mailbox import open_mailbox
    from digest.upkeep import run_bounces

    here = state(context)
    settings = here.settings
    if place is None:
        place = settings.bounce_mailbox.get_secret_value() if settings.bounce_mailbox else None
    if place is None:
        raise UsageError("say what to read: a Maildir, an imaps:// address or - (or set bounce_mailbox)")
    app = here.app
    # One mail on stdin is somebody's pipe: it must not be lost because another run reads a mailbox.
    if place == "-":
        if sys.stdin is None:
            raise UsageError("there is no mail to read: stdin is closed")
        with open_mailbox(place, stream=sys.stdin.buffer) as mailbox:
            _tell(app.incoming().read(mailbox, app.now()), as_json=as_json, is_pipe=True)
        return
    with progress("Reading mail") as say:
        outcome = run_bounces(app, here.moment(), place, progress=say)
    if outcome.locked:
        print_json({"locked": True}) if as_json else print_lines("another run is at work")
        return
    _tell(outcome.counts, as_json=as_json)


def _tell(counts: Mapping[str, int], *, as_json: bool, is_pipe: bool = False) -> None:
    """Print what became of the mails, and end with the exit code that says so."""
    print_json(counts) if as_json else print_lines(in_words(counts))
    if counts["unproven"]:
        note(
            f"digest: {counts['unproven']} more ask to leave by their sender's address alone, which may be "
            "forged, so they stay unread; whoever means it: digest suppression add EMAIL"
        )
    if is_pipe and counts["later"]:
        note("digest: the mail that this report is about is being sent; give the report once more later")
        raise typer.Exit(TRY_AGAIN)
    if counts["unreadable"]:
        raise typer.Exit(1)


def list_bounces(context: typer.Context, limit: Limit = 100, as_json: Json = False) -> None:
    """List what came back, newest first."""
    from digest.pipeline.suppressing import list_bounces as report

    rows = report(state(context).app.database, limit=limit)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        what = f"{row['kind']} {row['code'] or ''}".strip()
        whom = row["recipient"] or "(a reader who is gone)"
        print_lines(f"{minute(row['received_at'])}  {what}  {whom}  {row['diagnostic']}")


def list_suppressions(context: typer.Context, as_json: Json = False) -> None:
    """List the addresses that are not written to, with the reason."""
    from digest.pipeline.suppressing import list_suppressions as report

    rows = report(state(context).app.database)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        detail = f": {row['detail']}" if row["detail"] else ""
        print_lines(f"{row['email']}  {row['reason']} on {row['created_at'][:10]}{detail}")


def add_suppression(
    context: typer.Context,
    email: Email,
    why: Annotated[str, typer.Option("--reason", help="A note for yourself.")] = "",
) -> None:
    """Write to an address no more, whoever adds it again."""
    from digest.pipeline.suppressing import add_suppression as add

    app = state(context).app
    reason = add(app.database, email, detail=why, now=app.now())
    if reason != "operator":
        note(f"digest: {email} was not written to already ({reason})")
    print_lines(f"{email}: suppressed")


def remove_suppression(context: typer.Context, email: Email) -> None:
    """Let an address be written to again, when its owner wants that."""
    from digest.pipeline.suppressing import remove_suppression as remove

    remove(state(context).app.database, email)
    print_lines(f"{email}: no longer suppressed (digest subscriber activate {email} to serve its reader)")
