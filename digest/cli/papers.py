"""Commands that look at stored papers."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from digest.cli.state import Json, minute, note, parse_date, print_json, print_lines, state

Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="At most so many.")]


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    papers = typer.Typer(help="The papers that are stored.", no_args_is_help=True)
    papers.command("list")(list_papers)
    papers.command("search")(search_papers)
    papers.command("show")(show_paper)
    papers.command("split")(split_paper)
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
    from digest.pipeline.splitting import identity_report

    database = state(context).app.database
    row = report(database, paper) | identity_report(database, paper)
    if as_json:
        print_json(row)
        return
    for name, value in row.items():
        if name in TABLES:
            for one in value:
                print_lines(f"{name}: {TABLES[name](one)}")
        elif value not in (None, "", []):
            print_lines(f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}")


def _sure(row: dict[str, Any], reason: str | None) -> str:
    return f"{reason} ({row['confidence']:.2f})" if reason and row["confidence"] is not None else reason or ""


# How the rows of these facts are written in one line each.
TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "other_ids": lambda row: f"{row['kind']} {row['value']}",
    "sources": lambda row: (
        f"{row['source']} ({row['kind']}), since {minute(row['first_seen_at'])}: "
        f"{_sure(row, row['joined_by']) or 'it made this paper'}"
    ),
    "joins": lambda row: f"#{row['paper']} on {minute(row['joined_at'])}: {_sure(row, row['reason'])}",
    "versions": lambda row: (
        f"{'v' + str(row['version']) if row['version'] else 'earlier'} until {minute(row['seen_at'])}, "
        f"by {row['text_by'] or 'an unknown source'}: {row['title']}"
    ),
}


def split_paper(
    context: typer.Context,
    paper: Annotated[str, typer.Argument(metavar="PAPER", help="Id, arXiv id, DOI or exact title.")],
    source: Annotated[
        str | None,
        typer.Option(
            "--source", metavar="NAME", help="Take away what this source listed, not the last join."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Take apart two papers that were wrongly joined; they stay two for ever."""
    from digest.pipeline.splitting import split_paper as split

    here = state(context)
    result = split(here.app.database, paper, source=source, now=here.moment().now)
    if as_json:
        print_json(result)
        return
    stays, new = result["paper"], result["new_paper"]
    print_lines(
        f"#{stays['id']} keeps {', '.join(stays['sources'])}: {stays['title']}",
        f"#{new['id']} is new, with {', '.join(new['sources'])}: {new['title']}",
    )


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    if not rows:
        note("digest: no paper is that")
    for row in rows:
        votes = f"{row['votes']} votes" if row["votes"] is not None else "-"
        print_lines(f"#{row['id']}  {row['arxiv_id'] or row['doi'] or '-':<12} {votes:>11}  {row['title']}")
