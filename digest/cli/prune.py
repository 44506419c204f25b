"""The command that lets go of what is too old: prune."""

from typing import Annotated

import typer

from digest.cli.state import Json, note, print_json, print_lines, progress, state

MB = 1e6
# What each count is, in words.
WORDS = {
    "readers": "readers who left (their addresses stay suppressed)",
    "observations": "observations that told no growth",
    "issues_put_away": "issues of which the titles stay",
    "checks": "checks of sources",
    "runs": "records of runs",
    "enrichments": "records of enrichers",
    "sign_ups": "sign-ups that nobody confirmed",
    "letters": "letters",
    "bounces": "bounces",
    "issues": "issues without papers",
    "shown_papers": "papers as they were shown in such issues",
    "papers": "papers that nobody was sent, saved or judged",
    "learned_states": "states learnt of readers who left",
    "robots": "robots.txt files",
    "domain_pace": "records of slow mail servers",
    "copies_before": "copies of the database made before an upgrade",
    "halves": "halves of files",
}


def register(cli: typer.Typer) -> None:
    """Add this module's command to the tree."""
    cli.command("prune")(prune)


def prune(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    compact: Annotated[
        bool,
        typer.Option(
            "--compact", help="Also write the database's file anew (SQLite): all else waits for it."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Delete what is older than the settings keep it (keep_…_days). "digest serve" does it every night."""
    from digest.keeping import run_compact, run_prune

    here = state(context)
    with progress("Pruning") as say:
        result = run_prune(here.app, here.moment(), dry_run=dry_run, progress=say)
        counts = dict(result.counts)
        if compact and not dry_run and not result.locked:
            say("writing the file anew")
            compacted = run_compact(here.app, here.moment())
            counts["freed"] = counts.get("freed", 0) + compacted.counts.get("freed", 0)
            if compacted.locked:
                note("digest: the file was not written anew, since another prune is at work; try again later")
    if as_json:
        print_json(result.as_dict() | counts)
        return
    if result.locked:
        print_lines(*result.lines())
        return
    verb = "would go" if dry_run else "deleted"
    lines = [f"{counts[name]} {words}" for name, words in WORDS.items() if counts.get(name)]
    print_lines(f"{verb}: {', '.join(lines)}" if lines else "nothing is too old")
    if counts.get("freed"):
        print_lines(f"{counts['freed'] / MB:.1f} MB given back to the disk")
