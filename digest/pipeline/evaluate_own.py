"""Evaluate on the operator's own log: from what readers said up to a day to what they liked after it."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from digest.pipeline.evaluate import compare
from digest.pipeline.moment import Moment
from digest.storage import judged as judged_rows
from digest.storage import papers as paper_rows
from digest.storage.database import Database
from digest.storage.judged import SentRow
from digest.types import Candidate, Section

if TYPE_CHECKING:  # heavy
    from digest.evaluation import Dataset, Mode, Said
    from digest.ranking.encoding import Encoder

__all__ = ["evaluate_own"]

# Places in an issue that are counted together, by the last of each.
RANKS = (1, 2, 3, 5, 10, 20)


def evaluate_own(
    database: Database,
    moment: Moment,
    *,
    mode: "Mode" = "auto",
    baselines: Sequence[str] = (),
    encoder: "Encoder | None" = None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Rank the papers listed since a day for the readers who liked some of them, from what they said before.

    Where there is too little to tell: ``{"enough": False, "reason": …}``. Else what
    :func:`~digest.pipeline.evaluate.compare` returns, with ``enough``, the day of the ``split``, how many
    papers were ``judged`` and how many are ``candidates``, and of everything sent how much was rated well,
    by ``sections`` and by ``ranks``.
    """
    from digest.evaluation import Said, check_baselines, shortfall, split_day

    asked = check_baselines(baselines)
    progress("reading what readers said")
    with database.read() as session:
        said = [Said(*row) for row in judged_rows.list_judgements(session)]
    day = split_day(said)
    data = None if day is None else _dataset(database, said, day, moment.today_in("UTC"))
    missing = shortfall(said, data)
    if missing is not None or data is None or day is None:
        return {"enough": False, "reason": missing}
    facts = {
        "enough": True,
        "split": day.isoformat(),
        "judged": len({(one.reader, one.paper) for one in said}),
        "candidates": len(data.candidates),
    }
    result = facts | compare(data, mode, asked, encoder=encoder, progress=progress)
    with database.read() as session:
        sent = judged_rows.count_sent(session)
    return result | {"sections": _by_section(sent), "ranks": _by_rank(sent)}


def _dataset(database: Database, said: "Sequence[Said]", day: date, today: date) -> "Dataset":
    from digest.evaluation import Known, from_log

    with database.read() as session:
        listed = paper_rows.list_candidates(session, first_day=day + timedelta(days=1), last_day=today)
        earlier = judged_rows.listed_by(session, (one.paper_id for one in listed), day)
        candidates = [one for one in listed if one.paper_id not in earlier]
        judged = judged_rows.get_papers(session, (one.paper for one in said))
    new = frozenset(one.paper_id for one in candidates)
    return from_log(said, day, candidates, Known(lambda: _others(database, new)), judged)


def _others(database: Database, new: Set[int]) -> Iterator[Candidate]:
    """The stored papers that are no candidates."""
    with database.read() as session:
        yield from (paper for paper in judged_rows.iter_papers(session) if paper.paper_id not in new)


def _by_section(sent: Iterable[SentRow]) -> list[dict[str, Any]]:
    order = {section.value: place for place, section in enumerate(Section)}
    rows = sorted(sent, key=lambda row: order.get(row.section, len(order)))
    return _added_up("section", ((row.section, row) for row in rows))


def _by_rank(sent: Iterable[SentRow]) -> list[dict[str, Any]]:
    rows = sorted(sent, key=lambda row: row.position)
    return _added_up("rank", ((_places(row.position), row) for row in rows))


def _places(position: int) -> str:
    """The places counted together with one: "1", "4-5", "21-"."""
    before = 0
    for last in RANKS:
        if position <= last:
            return str(last) if last == before + 1 else f"{before + 1}-{last}"
        before = last
    return f"{before + 1}-"


def _added_up(name: str, rows: Iterable[tuple[str, SentRow]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for key, row in rows:
        one = found.setdefault(key, {name: key, "sent": 0, "well": 0, "badly": 0})
        for count in ("sent", "well", "badly"):
            one[count] += getattr(row, count)
    return list(found.values())
