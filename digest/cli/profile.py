"""Commands on profiles: bring interests along, take them away, learn anew."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli.readers import Email, interest_line
from digest.cli.state import Json, note, print_json, print_lines, progress, state
from digest.errors import UsageError

if TYPE_CHECKING:
    from digest.pipeline.brought import Brought
    from digest.pipeline.profile_import import Imported

# Of what could not be matched, in words.
MOST_TOLD = 20


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    profile = typer.Typer(help="What a reader's digests are chosen by.", no_args_is_help=True)
    profile.command("import")(import_profile)
    profile.command("export")(export_profile)
    profile.command("show")(show_profile)
    profile.command("reset")(reset_profile)
    cli.add_typer(profile, name="profile")


def import_profile(
    context: typer.Context,
    email: Email,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE…",
            help="BibTeX, RIS, CSL-JSON (all as Zotero exports them), a list of ids or titles, OPML, "
            "or an export of ours; - is standard input.",
        ),
    ] = None,
    interest: Annotated[
        str | None, typer.Option("--interest", metavar="NAME", help="Put all papers into this interest.")
    ] = None,
    split: Annotated[
        bool | None,
        typer.Option(
            "--split/--no-split",
            help="Whether the papers become an interest for each topic; by default if there are 30 or more.",
        ),
    ] = None,
    zotero: Annotated[
        str | None,
        typer.Option("--zotero", metavar="LIBRARY", help="Read users/NUMBER or groups/NUMBER at Zotero."),
    ] = None,
    collections: Annotated[
        bool, typer.Option("--collections", help="Collections of the Zotero library become interests.")
    ] = False,
    orcid: Annotated[
        str | None, typer.Option("--orcid", metavar="ID", help="Read the works of this ORCID record.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would come of it.")] = False,
    as_json: Json = False,
) -> None:
    """Make interests of papers a reader has. What is not stored yet counts by its words until it is."""
    from digest.pipeline.brought import Brought
    from digest.pipeline.profile_import import Choices
    from digest.pipeline.profile_import import import_profile as bring

    if not (files or zotero or orcid):
        raise UsageError("say what to import: files, --zotero or --orcid")
    if split and interest is not None:
        raise UsageError("papers go into --interest or are split (--split), not both")
    app = state(context).app
    brought = Brought()
    for file in files or ():
        _read_file(brought, file)
    if zotero or orcid:
        _read_remote(context, brought, zotero, orcid, collections=collections)
    done = bring(
        app.database,
        app.data_dir / "models",
        email,
        brought,
        Choices(interest, split, dry_run=dry_run),
        app.now(),
    )
    if as_json:
        print_json(done.as_dict())
    else:
        _print_imported(done, dry_run=dry_run)


def _read_file(brought: "Brought", file: Path) -> None:
    import sys

    from digest.pipeline.brought import MAX_FILE, read_brought

    name = "standard input" if str(file) == "-" else file.name
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(MAX_FILE + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    read_brought(brought, name, data)


def _read_remote(
    context: typer.Context, brought: "Brought", zotero: str | None, orcid: str | None, *, collections: bool
) -> None:
    from digest.libraries.zotero import read_name
    from digest.pipeline.brought import take_remote
    from digest.pipeline.remote_libraries import Place, fetch_orcid, fetch_zotero

    here = state(context)
    settings = here.settings
    is_private, key = settings.library_allow_private, settings.zotero_key
    library = read_name(zotero) if zotero else None
    with here.app.fetcher() as fetcher, progress("reading") as say:
        if library is not None:
            place = Place(
                settings.zotero_url.rstrip("/"), is_private, key.get_secret_value() if key else None
            )
            found = fetch_zotero(fetcher, place, library, progress=say)
            take_remote(brought, found, "Zotero", collections=collections)
        if orcid:
            place = Place(settings.orcid_url.rstrip("/"), is_private)
            take_remote(brought, fetch_orcid(fetcher, place, orcid, progress=say), "ORCID", collections=False)


def _print_imported(done: "Imported", *, dry_run: bool) -> None:
    if dry_run:
        note("digest: nothing was changed; this is what would be")
    stored = f"{_papers(done.matched)} {'is' if done.matched == 1 else 'are'} stored here"
    print_lines(
        f"{stored}, {done.pending:,} wait{'s until it is' if done.pending == 1 else ' until they are'} read",
        *(
            f"  {name}: " + (_papers(number) if number else "nothing new of papers")
            for name, number in done.interests.items()
        ),
        *(() if done.interests else ("  all of them are there already",)),
    )
    for text in done.unmatched[:MOST_TOLD]:
        note(f"digest: {text}")
    if len(done.unmatched) > MOST_TOLD:
        note(f"digest: and {len(done.unmatched) - MOST_TOLD:,} more like these (--json lists all)")


def _papers(number: int) -> str:
    return f"{number:,} paper{'' if number == 1 else 's'}"


def export_profile(
    context: typer.Context,
    email: Email,
    kind: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="json|opml|bibtex|ris|csl", help="json (the default) is everything."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Give a reader's profile back: on standard output, to be imported here or elsewhere."""
    from digest.pipeline.profile_export import write_profile

    if as_json and kind not in (None, "json"):
        raise UsageError(f"--json and --format {kind} do not go together")
    text = write_profile(state(context).app.database, email, kind or "json")
    typer.echo(text.encode("utf-8", "replace"), nl=False)


def show_profile(context: typer.Context, email: Email, as_json: Json = False) -> None:
    """Show a reader's interests, how many papers speak for each, and what was said of papers."""
    from digest.pipeline.profile_export import describe_profile

    shown = describe_profile(state(context).app.database, email)
    if as_json:
        print_json(shown)
        return
    print_lines(*(_interest_lines(one) for one in shown["interests"]))
    said = ", ".join(f"{number:,} {kind}" for kind, number in shown["feedback"].items() if number)
    print_lines(f"said of papers: {said or 'nothing yet'}")
    if shown["learn_from"]:
        print_lines(f"what was said before {shown['learn_from']} does not count any more")


def _interest_lines(one: dict[str, Any]) -> str:
    papers = _papers(one["papers"]) if one["papers"] else ""
    if one["pending"]:
        words = (
            "is not read yet, and counts by its"
            if one["pending"] == 1
            else "are not read yet, and count by their"
        )
        papers += f" ({one['pending']:,} of them {words} words)"
    line = interest_line(one)
    return line + ("" if line.endswith(": ") or not papers else "; ") + papers


def reset_profile(
    context: typer.Context,
    email: Email,
    interest: Annotated[
        str | None, typer.Option("--interest", metavar="NAME", help="This interest alone.")
    ] = None,
) -> None:
    """Learn anew: what was said of papers until now steers no digest; saved papers and notes stay."""
    from digest.pipeline.learning import reset

    app = state(context).app
    who = reset(app.database, email, interest, app.now())
    print_lines(f"{who}: {interest or 'all interests'} will learn from what is said from now on")
