"""Commands that look at stored papers."""

from typing import Annotated, Any

import typer

from digest.cli.state import Json, note, parse_date, print_json, print_lines, state

Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="At most so many.")]


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    papers = typer.Typer(help="The papers that are stored.", no_args_is_help=True)
    papers.command("list")(list_papers)
    papers.command("search")(search_papers)
    papers.command("show")(show_paper)
    cli.add_typer(papers, name="papers")


def list_papers(
    context: typer.Context,
    limit: Limit = 50,
    since: Annotated[
        str | None, typer.Option("--since", metavar="YYYY-MM-DD", help="First seen on that day or later.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List papers, newest first."""
    from digest.pipeline.reports import list_papers as report

    _print(
        report(state(context).app.database, limit=limit, since=parse_date(since) if since else None),
        as_json=as_json,
    )


def search_papers(
    context: typer.Context,
    query: Annotated[list[str], typer.Argument(metavar="QUERY", help="Words, an id or a title.")],
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """Search title, abstract and authors, best first."""
    from digest.pipeline.reports import search_papers as report

    _print(report(state(context).app.database, " ".join(query), limit=limit), as_json=as_json)


def show_paper(
    context: typer.Context,
    paper: Annotated[str, typer.Argument(metavar="PAPER", help="Id, arXiv id, DOI or exact title.")],
    as_json: Json = False,
) -> None:
    """Show one paper with all that is known of it."""
    from digest.pipeline.reports import show_paper as report

    row = report(state(context).app.database, paper)
    if as_json:
        print_json(row)
        return
    for name, value in row.items():
        if value not in (None, "", []):
            print_lines(f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}")


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    if not rows:
        note("digest: no paper is that")
    for row in rows:
        votes = f"{row['votes']} votes" if row["votes"] is not None else "-"
        print_lines(f"#{row['id']}  {row['arxiv_id'] or row['doi'] or '-':<12} {votes:>11}  {row['title']}")
