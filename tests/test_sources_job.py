"""Reading sources end to end through the command line: verdicts, what readers and the operator are told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
from tests.test_main_job import body, mails

# The second week of January 2026: Monday to Friday, and the weekend after.
WEEK = [f"2026-01-{day:02}" for day in range(5, 10)]
FRIDAY, SATURDAY, MONDAY = "2026-01-09", "2026-01-10", "2026-01-12"
LATER = "2026-01-14T12:00:00Z"


def papers(first: int, count: int) -> list[dict[str, object]]:
    return [item(number, votes=number % 7) for number in range(first, first + count)]


@pytest.fixture
def site() -> Iterator[DailyServer]:
    """A site with a week of thirty papers a day, and settings that read it and tell the operator."""
    days = {day: papers(100 * at, 30) for at, day in enumerate(WEEK, start=1)}
    with serving(DailyServer(days, page_cap=100)) as server:
        Path("digest.toml").write_text(
            f'data_dir = "{Path.cwd() / "data"}"\noperator_address = "operator@example.org"\n'
            f'[[source]]\nname = "hf"\nkind = "huggingface"\nurl = "{server.url}"\nallow_private = true\n'
        )
        yield server


def refreshed(day: str, *, now: str = LATER) -> dict[str, object]:
    """The one row of a refresh of that day."""
    (row,) = run("--now", now, "refresh", "--date", day, "--json").json["sources"]
    return row


def read_week() -> None:
    for day in WEEK:
        assert refreshed(day)["verdict"] == "fresh"


def test_a_refresh_tells_its_evidence(site: DailyServer) -> None:
    read_week()
    site.days[MONDAY] = papers(900, 28) + papers(500, 2)
    row = refreshed(MONDAY)
    assert row["verdict"] == "fresh"
    assert row["evidence"] == {"declared": None, "parsed": 30, "overlap": 0.07, "usual": 30.0}


def test_mutation_yesterday_repeated_is_stale_and_demotes_nothing(site: DailyServer) -> None:
    read_week()
    good = ok("sources", "list", "--json").json[0]["last_good_at"]
    site.days[MONDAY] = site.days[FRIDAY]
    row = refreshed(MONDAY, now="2026-01-14T13:00:00Z")
    assert (row["verdict"], row["new"], row["modified"]) == ("stale", 0, 0)
    health = ok("sources", "list", "--json").json[0]
    assert (health["last_verdict"], health["last_good_at"], health["failures_in_row"]) == ("stale", good, 1)
    assert refreshed(FRIDAY)["verdict"] == "unchanged"


def test_trap_a_weekend_that_repeats_friday_is_stale_and_no_incident(site: DailyServer) -> None:
    """Nobody is woken for a weekend; it is told where somebody asks."""
    read_week()
    site.days[SATURDAY] = site.days[FRIDAY]
    assert refreshed(SATURDAY)["verdict"] == "stale"
    assert refreshed(SATURDAY)["verdict"] == "stale"
    assert ok("sources", "list", "--json").json[0]["failures_in_row"] == 0
    ok("--now", LATER, "deliver")
    assert mails() == []


def test_trap_an_empty_weekend_is_no_outage(site: DailyServer) -> None:
    read_week()
    row = refreshed(SATURDAY)
    assert (row["verdict"], row["error"]) == ("empty", None)


def test_mutation_a_third_of_the_usual_is_partial(site: DailyServer) -> None:
    """What came is filed; the rest comes when the list is whole again."""
    read_week()
    whole = papers(900, 30)
    site.days[MONDAY] = whole[:10]
    row = refreshed(MONDAY)
    assert (row["verdict"], row["new"]) == ("partial", 10)
    site.days[MONDAY] = whole
    row = refreshed(MONDAY)
    assert (row["verdict"], row["new"]) == ("fresh", 20)


def test_mutation_a_list_in_another_shape_is_broken(site: DailyServer) -> None:
    read_week()
    moved = (200, b'{"papers": []}')
    site.answer = lambda path, _: moved if path.startswith("/api") else (404, b"no")  # type: ignore[method-assign]
    row = refreshed(MONDAY)
    assert row["verdict"] == "broken"
    assert "found an object with papers" in str(row["error"])


def test_required_fields_missing_in_over_a_tenth_are_broken(site: DailyServer) -> None:
    site.days[MONDAY] = papers(900, 20) + [{"paper": {"summary": "no id"}}] * 3
    row = refreshed(MONDAY)
    assert (row["verdict"], row["new"]) == ("broken", 0)
    assert row["error"] == "3 of 23 entries lack what every entry has"
    assert f"digest sources try {row['name']} shows field by field" in run("sources", "list").out


def test_the_operator_gets_one_mail_per_incident_and_one_when_it_is_over(site: DailyServer) -> None:
    read_week()
    site.broken = {MONDAY}
    for minute in range(3):
        assert refreshed(MONDAY, now=f"2026-01-12T12:0{minute}:00Z")["verdict"] == "unreachable"
        run("--now", f"2026-01-12T12:0{minute}:30Z", "deliver")
    site.broken = set()
    site.days[MONDAY] = papers(900, 30)
    for minute in range(2):
        refreshed(MONDAY, now=f"2026-01-12T13:0{minute}:00Z")
        run("--now", f"2026-01-12T13:0{minute}:30Z", "deliver")
    found = {str(mail["subject"]): mail for mail in mails()}
    assert sorted(found) == [
        "Paper digest: Hugging Face cannot be reached",
        "Paper digest: Hugging Face is well again",
    ]
    assert len(mails()) == 2
    told = found["Paper digest: Hugging Face cannot be reached"]
    assert str(told["to"]) == "operator@example.org"
    assert "digest sources try hf" in body(told, "plain")


def test_replay_recovers_the_day_that_a_broken_parser_missed(
    site: DailyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages are kept with their verdict; a mended parser reads them again."""
    site.days[MONDAY] = [{"paper": {"title": f"Kettles {n}", "ident": f"2601.{n:05}"}} for n in range(5)]
    assert refreshed(MONDAY)["verdict"] == "broken"
    assert run("sources", "replay", "hf", "--json").json["sources"][0]["verdict"] == "broken"

    from digest.pipeline import reading
    from digest.sources import huggingface_items

    entry = huggingface_items._entry

    def mended(item: dict[str, dict[str, object]], position: int, day: object) -> object:
        renamed = item["paper"] | {"id": item["paper"].get("ident")}
        return entry({"paper": renamed}, position, day)  # type: ignore[arg-type]

    monkeypatch.setattr(huggingface_items, "_entry", mended)
    monkeypatch.setattr(
        "digest.parsing.Parsers.parse", lambda _self, *given, **named: reading.parse_here(*given, **named)
    )
    (row,) = ok("sources", "replay", "hf", "--json").json["sources"]
    assert (row["verdict"], row["new"], row["date"]) == ("fresh", 5, MONDAY)
    assert ok("sources", "replay", "hf", "--json").json["sources"] == []


def test_try_shows_what_a_source_gives_and_stores_nothing(site: DailyServer) -> None:
    tried = ok("--now", LATER, "sources", "try", "hf", "--date", FRIDAY, "--json").json
    assert (tried["verdict"], tried["way"], tried["entries"]) == ("fresh", "api", 30)
    fields = {field["name"]: field for field in tried["fields"]}
    assert (fields["title"]["found"], fields["title"]["of"]) == (30, 30)
    assert fields["votes"]["examples"]
    assert ok("status", "--json").json["papers"] == 0
    assert "30 of 30" in ok("--now", LATER, "sources", "try", "hf", "--date", FRIDAY).out


def test_try_of_a_source_that_cannot_be_read_says_why(site: DailyServer) -> None:
    site.broken = {MONDAY}
    ran = run("--now", LATER, "sources", "try", "hf", "--date", MONDAY)
    assert ran.code == 1
    assert "status 503" in ran.out


def test_the_contract_can_be_checked_from_the_command_line() -> None:
    assert ok("sources", "check", "huggingface", "--json").json == {
        "kind": "huggingface",
        "ok": True,
        "pages": 0,
        "faults": [],
    }
    assert run("sources", "check", "no-such-kind").code == 2


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("stale", "still showing an older day"),
        ("partial", "incomplete"),
        ("broken", "not readable"),
        ("unreachable", "not reachable"),
    ],
)
def test_the_digest_says_what_was_not_whole(site: DailyServer, broken: str, words: str) -> None:
    """In one sentence at its foot; why says it of a digest that did not come."""
    read_week()
    ok("subscriber", "add", "reader@example.org", "--active", "--hour", "0")
    match broken:
        case "stale":
            site.days[MONDAY] = site.days[FRIDAY]
        case "partial":
            site.days[MONDAY] = papers(900, 5)
        case "broken":
            site.days[MONDAY] = [{"paper": {}}] * 5
        case "unreachable":
            site.broken = {MONDAY}
    now = "2026-01-13T00:30:00Z"
    assert refreshed(MONDAY, now=now)["verdict"] == broken
    ok("--now", now, "compose", "--date", MONDAY)
    preview = ok("--now", now, "preview", "reader@example.org", "--date", MONDAY).out
    assert words in " ".join(preview.split())
