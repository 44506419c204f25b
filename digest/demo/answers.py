"""What the invented site says: the JSON of its API and the HTML of its page, in the shape of Hugging Face's.

Pure: plan, day and time in, text out. Only what a reader of the real site needs is there, in our own
words and markup. Ids of people are made from their names, so that they are the same on every run.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from html import escape
from typing import Any

from digest.demo.plan import DemoPaper, Plan

__all__ = ["daily_item", "daily_json", "daily_page", "error_json"]

SUBMITTER = "Ed Fixture"
SHOWN_AUTHORS = 5


def daily_item(paper: DemoPaper, listed: date, today: date) -> dict[str, Any]:
    """One element of the API's list, with the counts of ``today``.

    As on the real site the outer ``publishedAt`` is some hours before the inner one, and optional
    fields are absent where they have nothing to say.
    """
    work: dict[str, Any] = {
        "id": paper.arxiv_id,
        "authors": [
            {"_id": _object_id("author", paper.arxiv_id, name), "name": name, "hidden": False}
            for name in paper.authors
        ],
        "publishedAt": _midnight(paper.published),
        "submittedOnDailyAt": _midnight(listed),
        "title": paper.title,
        "submittedOnDailyBy": _person(SUBMITTER),
        "summary": paper.abstract,
        "upvotes": paper.votes_on(today),
        "discussionId": _object_id("discussion", paper.arxiv_id),
    }
    work |= _extras(paper, today)
    item: dict[str, Any] = {
        "paper": work,
        "publishedAt": f"{paper.published - timedelta(days=1)}T20:00:00.000Z",
        "title": paper.title,
        "summary": paper.abstract,
        "thumbnail": f"https://example.org/thumbnails/{paper.arxiv_id}.png",
        "numComments": paper.comments_on(today),
        "submittedBy": _person(SUBMITTER) | {"isHf": False, "isHfAdmin": False, "isMod": False},
        "isAuthorParticipating": SUBMITTER in paper.authors,
    }
    if "organization" in work:
        item["organization"] = work["organization"]
    return item


def daily_json(
    plan: Plan, day: date | None, now: datetime, *, limit: int | None = None, page: int = 0
) -> str:
    """The API's answer: a day's papers by votes, or without a day all papers, newest first.

    ``limit`` ``None`` gives all in one; else the page counted from 0.
    """
    listed = [(paper, day) for paper in plan.listing(day, now)] if day else plan.newest(now)
    if limit is not None:
        listed = listed[page * limit : (page + 1) * limit]
    items = [daily_item(paper, on, now.date()) for paper, on in listed]
    return json.dumps(items, ensure_ascii=False, separators=(",", ":"))


def error_json(message: str) -> str:
    """How the API words an error."""
    return json.dumps({"error": message})


def daily_page(plan: Plan, day: date, now: datetime) -> str:
    """The complete HTML page of a day: the list as JSON in an attribute, and as cards."""
    papers = plan.listing(day, now)
    neighbours = {"nextDate": str(day + timedelta(days=1)), "prevDate": str(day - timedelta(days=1))}
    props = {
        "canSubmit": False,
        "date": _midnight(day),
        "dailyPapers": [daily_item(paper, day, now.date()) for paper in papers],
        **neighbours,
        "publisher": _person(SUBMITTER),
    }
    attribute = escape(json.dumps(props, ensure_ascii=False, separators=(",", ":")))
    return PAGE.format(
        props=attribute,
        day=f"{day:%b} {day.day}",
        datetime=_midnight(day),
        cards="\n".join(_card(paper, now.date()) for paper in papers),
        **neighbours,
    )


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="description" content="Invented papers for a demonstration" />
<title>Daily Papers - Demonstration</title>
</head>
<body>
<main>
<div class="SVELTE_HYDRATER contents" data-target="DailyPapersBannerSubscribe" data-props="{{}}">
<p>Get trending papers in your email inbox!</p> <a href="/login">Subscribe</a></div>
<div class="SVELTE_HYDRATER contents" data-target="DailyPapers" data-props="{props}">
<section>
<h1><a href="/papers">Daily Papers</a></h1>
<a href="/papers?date={prevDate}">earlier</a>
<time datetime="{datetime}">{day}</time>
<a href="/papers?date={nextDate}">later</a>
<div class="grid">
{cards}
</div>
</section>
</div>
</main>
</body>
</html>
"""

CARD = """<article>
<a href="/papers/{id}"><img src="https://example.org/thumbnails/{id}.png" alt="" /></a>
<div>Submitted by
 <img alt="" src="https://example.org/avatars/{submitter}.svg" />
 {submitter}</div>
<a href="/login?next=%2Fpapers%2F{id}"><div><input disabled type="checkbox" />
<div class="leading-none">{votes}</div></div></a>
<h3><a href="/papers/{id}">{title}</a></h3>
<a href="/papers/{id}"><ul>{authors}<li>· {count}</li></ul></a>
<a href="/papers/{id}#community">{comments}</a>
</article>"""


def _card(paper: DemoPaper, today: date) -> str:
    names: Sequence[str] = paper.authors[:SHOWN_AUTHORS]
    count = len(paper.authors)
    return CARD.format(
        id=paper.arxiv_id,
        title=escape(paper.title),
        submitter=_handle(SUBMITTER),
        votes=paper.votes_on(today),
        authors="".join(f'<li title="{escape(_handle(name))}"></li>' for name in names),
        count=f"{count} author{'s' if count != 1 else ''}",
        comments=paper.comments_on(today),
    )


def _extras(paper: DemoPaper, today: date) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if paper.project:
        extras["projectPage"] = paper.project
    if paper.code:
        extras |= {
            "githubRepo": paper.code,
            "githubRepoAddedBy": "user",
            "githubStars": paper.stars_on(today),
        }
    if paper.summary:
        extras |= {
            "ai_summary": paper.summary,
            "ai_keywords": list(paper.keywords),
            "ai_summary_model": "example-org/invented-model",
        }
    if paper.organisation:
        extras["organization"] = {
            "_id": _object_id("organisation", paper.organisation),
            "name": _handle(paper.organisation),
            "fullname": paper.organisation,
            "avatar": f"https://example.org/avatars/{_handle(paper.organisation)}.png",
        }
    return extras


def _person(name: str) -> dict[str, Any]:
    handle = _handle(name)
    return {
        "_id": _object_id("person", name),
        "avatarUrl": f"https://example.org/avatars/{handle}.svg",
        "isPro": False,
        "fullname": name,
        "user": handle,
        "type": "user",
        "name": handle,
    }


def _handle(name: str) -> str:
    return name.casefold().replace(" ", "-")


def _object_id(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00.000Z"
