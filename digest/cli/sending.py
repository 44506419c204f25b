"""Commands that make and send: compose, deliver, run, preview, why, feeds."""

import re
from typing import Annotated, Any

import typer

from digest.cli.state import (
    Date,
    Json,
    State,
    in_words,
    leave,
    minute,
    note,
    parse_date,
    print_json,
    print_lines,
    progress,
    state,
)
from digest.errors import DeliveryError, StorageError, UsageError

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The reader's address.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say which mails wait to be sent; nothing is read or changed.")
]
# Who had theirs, or whose hour it is not, was not passed over.
COMPOSED = {"skipped": "not due"}
FORMATS = ("html", "text", "eml", "json")


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    cli.command("compose")(compose)
    cli.command("deliver")(deliver)
    cli.command("run")(run)
    cli.command("preview")(preview)
    cli.command("why")(why)
    deliveries = typer.Typer(help="What was sent, and what not and why.", no_args_is_help=True)
    deliveries.command("list")(list_deliveries)
    deliveries.command("presume")(presume_deliveries)
    cli.add_typer(deliveries, name="deliveries")
    feeds = typer.Typer(help="The feeds that are published.", no_args_is_help=True)
    feeds.command("write")(write_feeds)
    cli.add_typer(feeds, name="feeds")


def compose(context: typer.Context, date: Date = None, as_json: Json = False) -> None:
    """Compose the issues that are due, and publish the feeds."""
    from digest.runs import run_compose

    here = state(context)
    with progress("Composing") as say:
        result = run_compose(here.app, here.moment(date), progress=say)
    print_json(result.as_dict()) if as_json else print_lines(*result.lines(COMPOSED))
    if not result.ok:
        raise typer.Exit(1)


def deliver(
    context: typer.Context, date: Date = None, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Send what was composed and is not sent yet."""
    from digest.runs import run_deliver

    here = state(context)
    if dry_run:
        _print_waiting(here, date, as_json=as_json)
        return
    moment = here.moment(date)
    try:
        with progress("Sending") as say:
            result = run_deliver(here.app, moment, progress=say)
    except (DeliveryError, StorageError) as error:
        if not as_json:
            raise
        print_json({"error": str(error)})
        raise typer.Exit(1) from error
    print_json(result.as_dict()) if as_json else print_lines(*result.lines())
    if not result.ok:
        raise typer.Exit(1)


def _print_waiting(here: State, day: str | None, *, as_json: bool) -> None:
    from digest.pipeline.reports import list_waiting

    rows = list_waiting(here.app.database, here.moment(day))
    if as_json:
        print_json({"waiting": rows})
        return
    print_lines(f"{len(rows)} to send")
    for row in rows:
        what = "interrupted" if row["interrupted"] else f"{row['local_date']}  {row['subject']}"
        print_lines(f"  {row['recipient']}  {what}")


def run(
    context: typer.Context,
    date: Date = None,
    dry_run: DryRun = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing while all is well: cron mails what is said.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Refresh, compose and deliver: the line for cron.

    Reads the mailbox of bounces too where one is set. The first run after three in the morning also does the
    work of the night: the model fitted again, what is too old dropped, a copy kept; not with --now or --date.
    That is all that digest serve does, once. Beside it, or beside another run, it does no harm.
    """
    from digest.upkeep import run_once

    here = state(context)
    if dry_run:
        _print_waiting(here, date, as_json=as_json)
        return
    try:
        with progress("Running") as say:
            steps, ok = run_once(here.app, here.moment(date), progress=say)
    except KeyboardInterrupt:
        note("digest: stopped; what it had not finished is done by the next run")
        leave(130)
    if as_json:
        print_json(steps)
    elif not (quiet and ok):
        _print_steps(steps, here.app.database.place)
    if not ok:
        raise typer.Exit(1)


def _print_steps(steps: dict[str, Any], place: str) -> None:
    from digest.runs import summarise

    print_lines(*summarise(steps["refresh"].get("sources", [])))
    for name in [name for name in steps if name != "refresh"]:
        said = COMPOSED if name == "compose" else {}
        counts = {key: value for key, value in steps[name].items() if isinstance(value, int)}
        if name == "compose" and counts and not any(counts.values()):
            print_lines(f"{name}: nobody is served from {place} now (digest subscriber list, digest init)")
        elif counts or "error" not in steps[name]:
            words = "another run is at work" if "locked" in counts else in_words(counts, said)
            print_lines(f"{name}: {words}")
    for name, step in steps.items():
        if "error" in step:
            note(f"digest: {name}: {step['error']}")


def preview(
    context: typer.Context,
    email: Email,
    date: Date = None,
    form: Annotated[str, typer.Option("--format", help="html, text, eml or json.")] = "text",
) -> None:
    """Show a reader's issue: as it was sent, or as it would be now. Stores nothing."""
    from digest.pipeline.preview import preview_as

    if form not in FORMATS:
        raise UsageError(f"{form!r} is no format; use one of {', '.join(FORMATS)}")
    here = state(context)
    shown, composed_at = preview_as(here.app.composer(), here.app.deliverer(), email, here.moment(date), form)
    if composed_at is not None:
        note(f"digest: as it was composed at {minute(composed_at)}; --date shows another day's")
    if isinstance(shown, bytes):
        import sys

        sys.stdout.buffer.write(shown)
    elif isinstance(shown, str):
        print_lines(shown)
    else:
        print_json(shown)


def why(context: typer.Context, email: Email, date: Date = None, as_json: Json = False) -> None:
    """Say in one sentence why a reader's digest came, or did not."""
    from digest.pipeline.explain import explain_day

    here = state(context)
    answer = explain_day(here.app.composer(), email, here.moment(date))
    if as_json:
        print_json(answer)
        return
    has_time = re.search(r"\b\d\d:\d\d\b", answer["sentence"]) is not None
    print_lines(answer["sentence"] + (f" (Times are in {answer['zone']}.)" if has_time else ""))


def list_deliveries(
    context: typer.Context,
    subscriber: Annotated[
        str | None, typer.Option("--subscriber", metavar="EMAIL", help="Of this reader only.")
    ] = None,
    date: Annotated[
        str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="Of the digests of this day only.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest.")] = 100,
    as_json: Json = False,
) -> None:
    """List who got what, and why not, newest first."""
    from digest.pipeline.reports import list_deliveries as listed

    here = state(context)
    day = parse_date(date) if date else None
    rows = listed(here.app.database, email=subscriber, local_date=day, limit=limit)
    if as_json:
        print_json({"deliveries": rows})
        return
    if not rows:
        print_lines("nothing was planned to be sent")
    for row in rows:
        when = row["local_date"] or row["kind"]
        at = f" at {minute(row['sent_at'])}" if row["sent_at"] else ""
        told = row["reason"] or row["reply"] or ""
        who = row["recipient"] or subscriber or ""
        print_lines(f"{when}  {who}  {row['status']}{at}" + (f": {told}" if told else ""))


def presume_deliveries(context: typer.Context, as_json: Json = False) -> None:
    """Mark what waits as perhaps sent: for a copy of the data, put away before the original sends."""
    from digest.pipeline.presuming import presume_sent

    here = state(context)
    count = presume_sent(here.app.database, here.moment().now)
    print_json({"presumed": count}) if as_json else print_lines(f"{count} presumed sent")


def write_feeds(context: typer.Context, as_json: Json = False) -> None:
    """Write the trending feed and every reader's private feeds."""
    here = state(context)
    with here.app.lock("compose") as mine:  # compose publishes too, and must not be overtaken by older feeds
        if not mine:
            print_json({"locked": True}) if as_json else print_lines("another run is at work")
            return
        counts = here.app.publisher().write(here.moment())
    if as_json:
        print_json(counts)
    else:
        print_lines(f"{counts['written']} written, {counts['unchanged']} unchanged, in {here.app.feeds_dir}")
