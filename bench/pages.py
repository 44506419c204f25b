"""Invented pages of papers in the shape of Hugging Face's of 2024: JSON in an attribute, and cards."""

import json
import random
from datetime import date
from html import escape

from bench import generated

_AVATAR = (
    '<li class="-mr-2 block size-4 flex-none rounded-full border-2 border-white bg-linear-to-br"'
    ' title="{name}" style="content-visibility:auto;">'
    '<img class="overflow-hidden rounded-full" alt="" src="/avatars/{n:032x}.svg"></li>'
)
_ICON = (
    '<svg class="text-sm" xmlns="http://www.w3.org/2000/svg" aria-hidden="true" role="img" width="1em"'
    ' height="1em" preserveAspectRatio="xMidYMid meet" viewBox="0 0 12 12">'
    '<path fill="currentColor" d="M6 1 L11 10 L1 10 Z"></path></svg>'
)


def daily_items(number: int, day: date, *, seed: int = 0) -> list[dict[str, object]]:
    """So many items as the API and the page both carry them."""
    chance = random.Random(seed)
    items: list[dict[str, object]] = []
    for place, (title, abstract) in enumerate(generated.texts(number, seed), 1):
        ref = f"{day:%y%m}.{10_000 + 500 * (seed % 150) + place}"
        authors = [
            {"_id": f"{n:024x}", "name": generated.name(chance), "hidden": False}
            for n in range(chance.randint(2, 12))
        ]
        items.append(
            {
                "paper": {
                    "id": ref,
                    "authors": authors,
                    "publishedAt": f"{day}T00:00:00.000Z",
                    "submittedOnDailyAt": f"{day}T00:00:00.000Z",
                    "title": title,
                    "summary": abstract,
                    "upvotes": int(chance.paretovariate(1.1) * 3),
                    "discussionId": f"{place:024x}",
                },
                "publishedAt": f"{day}T05:00:00.000Z",
                "title": title,
                "thumbnail": f"https://cdn.example.org/social-thumbnails/papers/{ref}.png",
                "numComments": chance.randint(1, 9),
                "submittedBy": {
                    "_id": "0" * 24,
                    "avatarUrl": "/a.svg",
                    "name": f"reader-{place}",
                    "type": "user",
                },
            }
        )
    return items


def daily_page(items: list[dict[str, object]], day: date) -> bytes:
    """The page of a day: its JSON and a card for each item, about 4 kB each."""
    props = json.dumps({"date": f"{day}T00:00:00.000Z", "dailyPapers": items})
    cards = "\n".join(f"<div>{_card(item)}</div>" for item in items)
    return (
        '<!doctype html>\n<html><head><meta charset="utf-8"><title>Daily Papers</title></head><body><main>\n'
        f'<div class="contents" data-target="DailyPapers" data-props="{escape(props)}">\n'
        f'<time datetime="{day}T00:00:00">{day:%b %d}</time>\n{cards}\n</div></main></body></html>\n'
    ).encode()


def _card(item: dict[str, object]) -> str:
    paper, submitter = item["paper"], item["submittedBy"]
    assert isinstance(paper, dict)
    assert isinstance(submitter, dict)
    link = f'href="/papers/{paper["id"]}"'
    avatars = "".join(
        _AVATAR.format(name=escape(author["name"]), n=place)
        for place, author in enumerate(paper["authors"][:5])
    )
    return (
        f'<article class="relative flex flex-col rounded-xl border"><a {link} class="peer block h-56 w-full">'
        f'<img src="{item["thumbnail"]}" alt="" class="size-full object-cover"></a>\n'
        '<div class="absolute flex h-6 items-center rounded-md border">Submitted by\n'
        f'<img alt="" class="size-2 rounded-full" src="/a.svg">\n{submitter["name"]}</div>\n'
        '<div class="flex w-full gap-6"><a href="/login?next=%2Fpapers" class="self-start">'
        f'<div class="flex h-14 w-12"><input disabled type="checkbox" class="peer hidden">{_ICON}'
        f'<div class="leading-none">{paper["upvotes"]}</div></div></a>\n'
        f'<div class="w-full"><h3 class="mb-1 text-lg/6"><a {link}>{escape(paper["title"])}</a></h3>\n'
        f'<div class="flex"><a {link} class="flex"><ul class="flex items-center">{avatars}\n'
        f'<li class="order-first"><div class="truncate">{len(paper["authors"])} authors</div></li></ul></a>\n'
        f'<a href="/papers/{paper["id"]}#community" class="flex">{_ICON}\n{item["numComments"]}</a>'
        "</div></div></div></article>"
    )
