"""The command that says why a paper is in a reader's digest, or is not."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from digest.cli.state import Date, Json, print_json, print_lines, state
from digest.templating import wrap
from digest.text import truncate

# Interests told with all their parts, and further ones in a line each: a screen holds no more.
WHOLE, SHORT = 2, 4
TITLE = 52
# The parts of a taste in the order in which they are told, with the facts behind each.
PARTS = ("examples", "keywords", "words", "category", "people", "less")
CLOSE = ("similar_words", "similar_topic", "similar_readers", "similar_meaning")


def register(cli: typer.Typer) -> None:
    """Add this module's command to the tree."""
    cli.command("explain")(explain)


def explain(
    context: typer.Context,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The reader's address.")],
    paper: Annotated[str, typer.Argument(metavar="PAPER", help="Id, arXiv id, DOI or exact title.")],
    date: Date = None,
    as_json: Json = False,
) -> None:
    """Say why a paper is in a reader's digest or is not, and what its score is made of. Stores nothing."""
    from digest.pipeline.explain_paper import explain_paper

    here = state(context)
    answer = explain_paper(here.app.composer(), email, paper, here.moment(date))
    print_json(answer) if as_json else print_lines(*lines_of(answer))


def lines_of(answer: Mapping[str, Any]) -> list[str]:
    """The answer as a screen of plain text."""
    paper = answer["paper"]
    lines = []
    if paper is not None:
        number = paper["arxiv_id"] or paper["doi"]
        lines += [f"#{paper['id']}{'  ' + number if number else ''}  {truncate(paper['title'], 100)}"]
    lines += wrap(answer["sentence"], 100)
    if answer["reasons"]:
        lines += wrap(f"Said there: {' · '.join(answer['reasons'])}", 100)
    interests = sorted(answer["interests"], key=lambda one: one["name"] != answer["interest"])
    for one in interests[:WHOLE]:
        lines += ["", *_interest(one, answer["threshold"])]
    rest = interests[WHOLE:]
    if rest:
        lines += ["", *(f"“{one['name']}”: taste {one['taste']:.2f}" for one in rest[:SHORT])]
    if rest[SHORT:]:
        lines += [f"and {len(rest[SHORT:])} more interests, none of them nearer (--json has them)"]
    if answer["trend"] is not None:
        lines += ["", _trend(answer["trend"])]
    return lines


def _interest(one: Mapping[str, Any], threshold: float) -> list[str]:
    parts, facts = dict(one["parts"]), _facts(one)
    close = max(sum(parts.get(name, 0.0) for name in CLOSE), 0.0)
    parts["examples"] = close**2 / (close**2 + parts["usual"] ** 2)
    head = f"“{one['name']}”: taste {one['taste']:.2f}, where {threshold:.2f} is enough"
    lines = [head + ("" if one["admitted"] else ", but not admitted"), f"  score     {_score(one)}"]
    for name in PARTS:
        if parts[name] >= 0.005:
            sign = "-" if name == "less" else " "
            lines += [f"  {name:<9}{sign}{parts[name]:.2f}  {facts[name]}".rstrip()]
    if one["author"]:
        is_exact = "by" if one["author"]["exact"] else "perhaps by"
        lines += [f"  author    {is_exact} {one['author']['followed']}"]
    if one["unwanted"] or one["lacks_must"]:
        lines += [f"  against   {_quoted(one['unwanted']) or 'no must-have keyword'}"]
    return lines


def _score(one: Mapping[str, Any]) -> str:
    """The score as the sum that it is."""
    parts = one["parts"]
    taste, weight = one["taste"] if one["admitted"] else 0.0, parts["trend_weight"]
    terms = ["1 (must)"] * bool(parts["must"]) + ["1 (author)"] * bool(parts["author"])
    terms += [f"{1 - weight:.2f} × {taste:.2f} (taste)", f"{weight:.2f} × {parts['trend']:.2f} (trend)"]
    return f"{one['score']:.2f} = {' + '.join(terms)}"


def _facts(one: Mapping[str, Any]) -> dict[str, str]:
    """What stands behind each part."""
    near = [
        _title(paper) + (f": {', '.join(paper['words'])}" if paper["words"] else "")
        for paper in one["nearest"]
    ]
    keywords = [
        f"“{hit['keyword']}”{' in the title' if hit['in_title'] else ''}{'' if hit['exact'] else ' (apart)'}"
        for hit in one["keywords"]
    ]
    return {
        "examples": f"\n{' ' * 16}".join(near),
        "keywords": ", ".join(keywords),
        "words": ", ".join(one["words"]),
        "category": ", ".join(one["categories"]),
        "people": _by_liked(one["by_liked"]),
        "less": "; ".join(_title(paper) for paper in one["lowered_by"]),
    }


def _by_liked(author: Mapping[str, Any] | None) -> str:
    if author is None:
        return ""
    who = author["name"] if author["exact"] else f"“{author['listed']}”, maybe {author['name']}"
    return f"by {who} ({author['liked']} liked papers)"


def _title(paper: Mapping[str, Any]) -> str:
    return f"“{truncate(paper['title'], TITLE)}”"


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)


def _trend(trend: Mapping[str, Any]) -> str:
    if trend["votes"] is None:
        return "Votes: none were observed"
    told = [f"Votes: {trend['votes']} {trend['counted']} on {trend['source']}"]
    if trend["since"] is not None:
        told.append(f"{trend['votes'] - trend['votes_then']:+d} since {trend['since'][:10]}")
    for name in ("trending", "rising"):
        figures = trend[name]
        if figures["place"] is not None:
            told.append(f"{name} {figures['score']:.2f} (place {figures['place']})")
    return ", ".join(told)
