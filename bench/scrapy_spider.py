"""A spider that reads the same pages as the refresh bench: started by it, in a process of its own.

usage: python bench/scrapy_spider.py PORTS.json ITEMS.jl REQUESTS_AT_ONCE DAY
"""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.rival_parsers import from_props


class DailySpider(scrapy.Spider):
    """Asks each server for the page of the day and yields its papers."""

    name = "daily"

    async def start(self) -> AsyncIterator[Any]:
        """One request a server."""
        for port in json.loads(Path(sys.argv[1]).read_text()):
            yield scrapy.Request(f"http://127.0.0.1:{port}/papers?date={sys.argv[4]}")

    def parse(self, response: Response, **_: Any) -> Iterator[dict[str, Any]]:
        """The page's JSON, field by field."""
        yield from from_props(response.css('[data-target="DailyPapers"]::attr(data-props)').get(""))


def main() -> None:
    """Crawl once."""
    process = CrawlerProcess(
        {
            "ROBOTSTXT_OBEY": True,
            "CONCURRENT_REQUESTS": int(sys.argv[3]),
            "TELNETCONSOLE_ENABLED": False,
            "LOG_LEVEL": "ERROR",
            "FEEDS": {sys.argv[2]: {"format": "jsonlines"}},
        }
    )
    process.crawl(DailySpider)
    process.start()


if __name__ == "__main__":
    main()
