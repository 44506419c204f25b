"""Commands that keep copies and bring them back: backup, restore, arm."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli.state import Json, minute, note, parse_time, print_json, print_lines, progress, state

if TYPE_CHECKING:
    from digest.pipeline.restore import Plan

MB = 1e6


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    cli.command("backup")(backup)
    cli.command("restore")(restore)
    cli.command("arm")(arm)


def backup(
    context: typer.Context,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Write it there; nothing there is deleted.")
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Only list the backups there are.")] = False,
    as_json: Json = False,
) -> None:
    """Copy everything that cannot be made again, while the program may be at work.

    The copy is read again before it counts. The oldest go: backup_keep says how many stay.
    """
    from digest.keeping import run_backup

    here = state(context)
    if show:
        _print_backups(to or here.settings.backups, as_json=as_json)
        return
    with progress("Backing up") as say:
        result = run_backup(here.app, here.moment(), to=to, asked=True, progress=say)
    if as_json:
        print_json(result.as_dict())
        return
    if result.locked:
        print_lines(*result.lines())
        return
    made = result.counts
    print_lines(f"{made['backup']}: {_size(made)}, read again and whole")
    if made["deleted"]:
        print_lines(f"{made['deleted']} older deleted")
    if made["revision"] is None:
        note(
            "digest: the database is on a server and not in this backup: copy it with pg_dump, "
            "or everything with digest dump"
        )


def _size(made: dict[str, Any] | Any) -> str:
    return f"{made['files']} files, {made['bytes'] / MB:.1f} MB"


def _print_backups(folder: Path, *, as_json: bool) -> None:
    from digest.pipeline.backup import list_backups

    rows = [one.as_dict() for one in list_backups(folder)]
    if as_json:
        print_json({"backups": rows})
        return
    for row in rows:
        print_lines(f"{minute(row['made_at'])}  {row['backup']}  {_size(row)}")
    if not rows:
        print_lines(f"there is no backup in {folder}")


def restore(
    context: typer.Context,
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="A backup's folder, or its name.")],
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DATA_DIR", help="Where to; else where the settings have it."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check it, and say what would come.")
    ] = False,
    armed: Annotated[
        bool, typer.Option("--armed", help="It may mail at once: only where the other machine is gone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring a backup back into an empty place. What is restored does not mail until it is armed."""
    from digest.keeping import run_restore

    with progress("Restoring") as say:
        plan = run_restore(state(context).settings, backup, to=to, dry_run=dry_run, armed=armed, progress=say)
    if as_json:
        print_json(plan.as_dict() | {"restored": not dry_run, "armed": armed and not dry_run})
    else:
        _print_plan(plan, dry_run=dry_run, armed=armed)
    tell_left_out(plan.left_out)


def tell_left_out(left_out: Mapping[str, str]) -> None:
    """Name the damaged files that were done without, and end with the exit code that says so."""
    for path, words in left_out.items():
        note(f"digest: {path} {words} and is left out; it is made again, or was only kept to be read again")
    if left_out:
        raise typer.Exit(1)


def _print_plan(plan: "Plan", *, dry_run: bool, armed: bool) -> None:
    would = "would be restored" if dry_run else "restored"
    print_lines(f"{_size(plan.backup.as_dict())} of {minute(plan.backup.made_at)} {would} to {plan.data_dir}")
    if plan.inside is not None:
        held = plan.inside
        print_lines(f"  {held.papers} papers, {held.readers} readers, {held.issues} issues")
    else:
        print_lines("  without a database: that was on a server, and is restored there (pg_restore)")
    if not armed:
        print_lines("  it does not mail until you say so: digest arm")


def arm(
    context: typer.Context,
    skip_until: Annotated[
        str | None,
        typer.Option(
            "--skip-until",
            metavar="now|ISO8601",
            help="What was due by then counts as sent: the other machine did it.",
        ),
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Whatever waits goes out.")] = False,
    as_json: Json = False,
) -> None:
    """Let a restored copy mail again, once you know that nobody else sends the same."""
    from digest.keeping import run_arm

    here = state(context)
    moment = here.moment()
    until = None if skip_until is None else moment.now if skip_until == "now" else parse_time(skip_until)
    with progress("Arming"):
        result = run_arm(here.app, moment, skip_until=until, send=send)
    if as_json:
        print_json(result.as_dict())
    elif result.locked:
        print_lines(*result.lines())
    else:
        skipped = result.counts.get("skipped", 0)
        print_lines("armed: mail is sent again" + (f"; counted as sent: {skipped}" if skipped else ""))
