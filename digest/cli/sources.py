"""Commands about sources: how they are doing, what they give, and reading kept pages again."""

from pathlib import Path
from typing import Annotated, Any

import typer

from digest.cli.reading import days_asked
from digest.cli.state import Date, Json, minute, print_json, print_lines, progress, state
from digest.errors import UsageError

Name = Annotated[str, typer.Argument(metavar="NAME", help="A source of the settings.")]


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    sources = typer.Typer(help="The sites that are read.", no_args_is_help=True)
    sources.command("list")(list_sources)
    sources.command("try")(try_source)
    sources.command("replay")(replay_source)
    sources.command("check")(check_kind)
    cli.add_typer(sources, name="sources")


def list_sources(context: typer.Context, as_json: Json = False) -> None:
    """Show each source and how it is doing."""
    from digest.pipeline.reports import source_report

    app = state(context).app
    rows = source_report(app.database, app.sources())
    if as_json:
        print_json(rows)
    else:
        print_lines(*(line for row in rows for line in _source_lines(row)))


def _source_lines(row: dict[str, Any]) -> list[str]:
    health = "not read yet"
    if row["last_checked_at"] is not None:
        health = f"{row['last_verdict']}, {minute(row['last_checked_at'])}"
    lines = [f"{row['name']} ({row['kind']}) {row['url']}: {health}"]
    if row["failures_in_row"]:
        good = f"last good {minute(row['last_good_at'])}" if row["last_good_at"] else "never good"
        again = f", next try {minute(row['next_try_at'])}" if row["next_try_at"] else ""
        lines.append(f"  {row['failures_in_row']} failures in a row, {good}{again}: {row['last_error']}")
        if row["last_verdict"] == "broken" and row["configured"]:
            lines.append(f"  digest sources try {row['name']} shows field by field what is found there")
    if row["moved_to"]:
        lines.append(f"  says that it moved for good to {row['moved_to']}; change its url if that is right")
    if not row["configured"]:
        lines.append("  is not in the settings any more, and not read")
    return lines


def try_source(context: typer.Context, name: Name, date: Date = None, as_json: Json = False) -> None:
    """Read a source once and show what it finds, field by field. Stores nothing."""
    from digest.pipeline.reading import Reader
    from digest.pipeline.trying import try_source as tried

    here = state(context)
    moment = here.moment(date)
    (source,) = here.app.sources(name)
    with progress(f"Reading {name}"), here.app.parsers() as parsers, here.app.fetcher() as fetcher:
        trial = tried(Reader(fetcher, parsers.parse), source, moment.today_in("UTC"), moment.observed_at())
    if as_json:
        print_json(trial.facts)
    else:
        print_lines(*trial.lines)
    if not trial.ok:
        raise typer.Exit(1)


def replay_source(
    context: typer.Context,
    name: Name,
    date: Date = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="YYYY-MM-DD", help="First day to read again.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="YYYY-MM-DD", help="Last day to read again.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also the pages that were believed when they came.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Parse a source's kept pages again with today's parser, and file what was missed."""
    from digest.runs import run_replay

    here = state(context)
    moment = here.moment(date)
    days = days_asked(moment.day, since, until, moment.today_in("UTC"))
    with progress(f"Reading {name} again"):
        outcome = run_replay(here.app, moment, name, days=days, everything=everything)
    if as_json:
        print_json(outcome.as_dict())
    else:
        print_lines(*(outcome.lines() or ["no page is kept that could be read again"]))
    if not outcome.ok:
        raise typer.Exit(1)


def check_kind(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="A kind of source, also another package's.")],
    page: Annotated[
        list[Path] | None, typer.Option("--page", metavar="FILE", help="A page it should read.")
    ] = None,
    url: Annotated[str, typer.Option("--url", help="The address of those pages.")] = "",
    as_json: Json = False,
) -> None:
    """Hold a kind of source against the contract that every kind keeps."""
    from digest.sources import get_kind
    from digest.sources.contract import Sample
    from digest.sources.contract import check_kind as checked

    found = get_kind(kind)
    try:
        samples = [Sample.of_file(path, url or found.default_url) for path in page or []]
    except OSError as error:
        raise UsageError(f"the page {error.filename} cannot be read: {error.strerror}") from error
    faults = checked(found, samples)
    if as_json:
        print_json({"kind": kind, "ok": not faults, "pages": len(samples), "faults": faults})
    else:
        kept = f"{kind} keeps the contract"
        unread = ", as far as that can be told without a page of its site: give one by --page FILE"
        print_lines(*(faults or [kept if samples else kept + unread]))
    if faults:
        raise typer.Exit(1)
