"""The command ``digest subscriber import``."""

from pathlib import Path
from typing import Annotated

import typer

from digest.cli.state import Json, in_words, note, print_json, print_lines, progress, state


def import_subscribers(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A table with a column “email”.")],
    group: Annotated[
        str | None, typer.Option("--group", metavar="NAME", help="Let them all belong to this group.")
    ] = None,
    invite: Annotated[
        bool, typer.Option("--invite", help="Ask each by one mail; nobody is served before they say yes.")
    ] = False,
    consent: Annotated[
        str, typer.Option("--consent", metavar="TEXT", help="How they agreed, for the record.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; store nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the people in a CSV file readers.

    The first line names the columns: email (needed), zone, hour, cadence, weekday, papers, interests
    ("name: keyword; keyword", several with | between). Others are ignored. Without --invite you vouch that
    they agreed, and they are served at once. Who left, bounced or is suppressed is left alone.
    """
    from digest.pipeline.subscriber_import import ImportOrder, read_file
    from digest.pipeline.subscriber_import import import_subscribers as run

    app = state(context).app
    order = ImportOrder(file.name, group, invite, dry_run, consent)
    with progress("importing") as step:
        report = run(app, read_file(file), order, app.now(), progress=step)
    shown = report.as_dict() | {"dry_run": dry_run}
    if as_json:
        print_json(shown)
    else:
        for one in shown["lines"]:
            who = f" ({one['email']})" if one["email"] else ""
            note(f"line {one['line']}{who}: {one['reason']}")
        if report.ignored:
            note(f"ignored columns: {', '.join(report.ignored)}")
        print_lines(f"{file.name}: {in_words(report.counts)}" + (" (nothing was stored)" if dry_run else ""))
    if report.counts["bad"]:
        raise typer.Exit(1)
