"""Commands that read: refresh, import and enrich; and fit, which learns from what was read."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from digest.cli.state import Date, Json, leave, note, parse_date, print_json, print_lines, progress, state
from digest.errors import UsageError

MAX_DAYS = 3660


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    cli.command("refresh")(refresh)
    cli.command("import")(import_pages)
    cli.command("enrich")(enrich)
    cli.command("fit")(fit)


def refresh(
    context: typer.Context,
    source: Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only this source.")] = None,
    date: Date = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="YYYY-MM-DD", help="First day to read.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="YYYY-MM-DD", help="Last day to read.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read the sources and file what is new."""
    from digest.runs import run_refresh

    here = state(context)
    moment = here.moment(date)
    days = days_asked(moment.day, since, until, moment.today_in("UTC"))
    try:
        with progress("Reading") as say:
            result = run_refresh(here.app, moment, name=source, days=days, progress=say)
    except KeyboardInterrupt:
        note("digest: stopped; what was not read yet is read by the next run")
        leave(130)
    if as_json:
        print_json(result.as_dict())
    else:
        print_lines(*result.lines())
    if not result.ok:
        raise typer.Exit(1)


def enrich(context: typer.Context, as_json: Json = False) -> None:
    """Ask the enrichers about stored papers that lack something, such as a summary."""
    from digest.runs import run_enrich

    here = state(context)
    with progress("Asking") as say:
        outcome = run_enrich(here.app, here.moment(), progress=say)
    if as_json:
        print_json(outcome.as_dict())
        return
    print_lines(*outcome.lines())
    for row in outcome.counts.get("enrichers", []):
        if row["note"]:
            note(f"digest: {row['name']}: {row['note']}")


def fit(context: typer.Context, as_json: Json = False) -> None:
    """Fit the ranking model anew on all papers and likes, as happens by itself when they have grown."""
    from digest.upkeep import run_fit

    here = state(context)
    with progress("Fitting") as say:
        outcome = run_fit(here.app, here.moment(), say, asked=True)
    if as_json:
        print_json(outcome.as_dict())
    elif outcome.locked:
        print_lines(*outcome.lines())
    else:
        print_lines(
            "{papers} papers and {likes} likes fitted in {seconds:.1f} s, "
            "{peak_mb} MB at most: model {version}".format(**outcome.counts)
        )


def days_asked(day: date | None, since: str | None, until: str | None, today: date) -> list[date] | None:
    """The days a person asked for, or ``None`` for the usual ones."""
    if since is None:
        if until is not None:
            raise UsageError("--until needs --since")
        return [day] if day else None
    if day is not None:
        raise UsageError("use either --date or --since, not both")
    first, last = parse_date(since), parse_date(until) if until else today
    if first > last:
        raise UsageError(f"--since {first} is after {'--until ' if until else 'today, '}{last}")
    if (last - first).days >= MAX_DAYS:
        raise UsageError(f"{first} to {last} is more than {MAX_DAYS} days; ask for less at a time")
    return [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]


def import_pages(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Saved pages: HTML, text or JSON.")],
    date: Date = None,
    as_json: Json = False,
) -> None:
    """File the papers of saved pages."""
    from digest.pipeline.imports import import_files

    here = state(context)
    moment = here.moment(date)
    today = here.app.now().astimezone().date() if here.fixed_now is None else here.app.now().date()
    with progress("Reading"):
        result = import_files(
            here.app.database, here.app.pages, files, day=moment.day, today=today, now=moment.observed_at()
        )
    if as_json:
        print_json(result.as_dict())
    else:
        counts = (
            f"{result.pages} pages, {result.entries} entries: {result.new} new, {result.modified} modified, "
            f"{result.unchanged} unchanged; {result.papers} papers stored"
        )
        if result.pages:
            print_lines(counts)
        for error in result.errors:
            note(f"digest: {error['error']}")
    if result.errors:
        raise typer.Exit(1)
