"""Commands that start, look after and show the program: init, demo, db, status, serve."""

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from digest.cli.state import Json, leave, minute, note, print_json, print_lines, state


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    from digest.cli.init import init

    cli.command("init")(init)
    cli.command("demo")(demo)
    cli.command("status")(status)
    cli.command("serve")(serve)
    database = typer.Typer(help="The database.", no_args_is_help=True)
    database.command("upgrade")(upgrade)
    cli.add_typer(database, name="db")


def demo(
    data_dir: Annotated[Path, typer.Option("--data-dir", help="Where the demo keeps its data.")] = Path(
        "demo-data"
    ),
) -> None:
    """Run the main job over five invented days, on this machine alone."""
    from digest.demo.run import run_demo

    run_demo(data_dir)


def upgrade(context: typer.Context, as_json: Json = False) -> None:
    """Bring the database up to date; nothing happens where it is."""
    from digest.app import prepare_data_dir
    from digest.storage.database import Database

    settings = state(context).settings
    prepare_data_dir(settings)
    with closing(Database(settings.effective_database_url)) as database:
        changed = database.upgrade()
    if as_json:
        print_json({"upgraded": changed})
    else:
        print_lines("the database was upgraded" if changed else "the database is up to date")


def status(context: typer.Context, as_json: Json = False) -> None:
    """Show how things stand."""
    from digest.pipeline.reports import status_report

    app = state(context).app
    report = status_report(app.database, app.sources(), app.now())
    if as_json:
        print_json(report)
    else:
        print_lines(*_status_lines(report))


def _status_lines(report: dict[str, Any]) -> list[str]:
    def counted(counts: dict[str, int]) -> str:
        return ", ".join(f"{number} {name}" for name, number in counts.items()) or "none"

    lines = [f"papers: {report['papers']}", f"readers: {counted(report['subscribers'])}"]
    for source in report["sources"]:
        if source["last_checked_at"] is None:
            lines.append(f"source {source['name']}: not read yet (digest refresh)")
            continue
        at = minute(source["last_checked_at"])
        lines.append(f"source {source['name']}: {source['last_verdict']} at {at}")
        if source["failures_in_row"]:
            good = minute(source["last_good_at"]) if source["last_good_at"] else "never"
            lines.append(
                f"  {source['failures_in_row']} failures in a row, last good {good}: {source['last_error']}"
            )
    for name, row in report["enrichers"].items():
        told = ", ".join(f"{row[outcome]} {outcome}" for outcome in ("found", "nothing", "failed"))
        spent = f"; today {row['papers']} papers for {row['cost']:g}" if row["cost"] else ""
        error = f": {row['error']}" if row["error"] else ""
        lines.append(f"enricher {name}: {told}, last asked {minute(row['last_asked_at'])}{spent}{error}")
    lines.append(f"mail: {counted(report['deliveries'])}")
    for use_case, run in report["runs"].items():
        when = (
            "never ran"
            if run is None
            else f"{minute(run['started_at'])}, {'fine' if run['ok'] else 'not all well'}"
        )
        lines.append(f"{use_case}: {when}")
    return lines


def serve(context: typer.Context) -> None:
    """Keep running: read the sources, compose what is due and send it, until told to stop.

    On SIGTERM or Ctrl-C what is at work has nine seconds to end; a second one ends it at once.
    """
    from digest.pipeline.moment import Moment
    from digest.runs import run_compose, run_deliver, run_enrich, run_refresh
    from digest.scheduler import Scheduler

    app = state(context).app

    # The tightest interval is the beat; whoever has a longer one is left out until it is due.
    usual = app.settings.refresh_minutes
    beat = min([usual, *(source.every for source in app.settings.source if source.every)])

    def refresh() -> None:
        run_refresh(app, Moment.of(app.now()), due_only=True, every_minutes=usual)
        run_enrich(app, Moment.of(app.now()))

    def tick() -> None:
        run_compose(app, Moment.of(app.now()))
        run_deliver(app, Moment.of(app.now()), stop=lambda: scheduler.stopping)

    scheduler = Scheduler(refresh=refresh, tick=tick, refresh_minutes=beat)
    note("digest: at work; stop with Ctrl-C")
    try:
        if scheduler.run():
            note("digest: stopped")
            return
        code = 0
    except KeyboardInterrupt:
        code = 130  # as shells say of what Ctrl-C ended
    note("digest: stopped in the middle of a job; what it had not finished is done by the next run")
    leave(code)
