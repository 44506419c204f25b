"""Metrics: each number is what the database says, and the alerts name metrics that there are."""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from digest.config import Settings
from digest.metrics import Measure, WebMetrics, render_measures
from digest.models import Bounce, Check, Source
from digest.pipeline.measures import read_measures
from digest.storage import runs as run_rows
from digest.storage.database import Database
from tests.cli_runner import ok, run
from tests.storage_rows import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    add_issue,
    add_papers,
    add_reader,
    add_source,
    add_subscription,
    make_delivery,
    make_entry,
)

pytest_plugins = ("tests.storage_fixtures",)

ALERTS = Path(__file__).parents[1] / "deploy" / "prometheus-alerts.yml"


def measured(database: Database, now: datetime = NOW, names: Sequence[str] = ("hf",)) -> dict[str, Any]:
    """The values by name: a number, or numbers by what their labels say."""
    settings = Settings(data_dir=Path.cwd())
    sources: Any = [SimpleNamespace(name=name) for name in names]
    found: dict[str, Any] = {}
    for measure in read_measures(database, settings, sources, now):
        values = {tuple(labels.values()): number for labels, number in measure.samples}
        found[measure.name] = values.get((), values)
    return found


def test_an_empty_database_has_zeros_and_not_gaps(database: Database) -> None:
    """An alert on a time series that is not there never fires."""
    found = measured(database)
    assert found["database_up"] == 1
    assert found["papers"] == found["issues_due"] == found["mail_oldest_waiting_seconds"] == 0
    assert found["readers"] == {
        (one,): 0 for one in ("unconfirmed", "active", "paused", "bounced", "unsubscribed")
    }
    assert found["runs_last_day"]["deliver", "failed"] == 0
    assert found["source_failures_in_row"] == {("hf",): 0}
    assert found["source_last_good_timestamp_seconds"] == {}


def test_sources_are_told_by_when_they_were_read_well_and_what_was_found(database: Database) -> None:
    with database.write() as s:
        source_id = add_source(s)
        row = s.get_one(Source, source_id)
        row.last_good_at, row.last_checked_at = NOW - 2 * HOUR, NOW - HOUR
        row.last_verdict, row.failures_in_row = "blocked", 3
        s.add(row)
        for hours, verdict in ((1, "blocked"), (2, "fresh"), (3, "fresh"), (25, "fresh")):
            s.add(Check(source_id=source_id, day=TODAY, checked_at=NOW - hours * HOUR, verdict=verdict))
        add_source(s, "not configured any more")
    found = measured(database)
    assert found["source_last_good_timestamp_seconds"] == {("hf",): (NOW - 2 * HOUR).timestamp()}
    assert found["source_last_checked_timestamp_seconds"] == {("hf",): (NOW - HOUR).timestamp()}
    assert found["source_failures_in_row"] == {("hf",): 3}
    assert [key for key, number in found["source_verdict"].items() if number] == [("hf", "blocked")]
    assert {key: number for key, number in found["source_checks_last_day"].items() if number} == {
        ("hf", "fresh"): 2, ("hf", "blocked"): 1,
    }  # fmt: skip


def test_papers_readers_issues_and_mail_are_counted(database: Database) -> None:
    with database.write() as s:
        add_papers(s, [make_entry(1)], now=NOW - 2 * DAY)
        add_papers(s, [make_entry(2), make_entry(3)], now=NOW - HOUR)
        _, first = add_reader(s, "ada@example.org")
        _, second = add_reader(s, "bo@example.org")
        add_reader(s, "cy@example.org", status="bounced")
        add_issue(s, first, delivery=make_delivery("<1@x>", status="sent"))
        waiting = make_delivery("<2@x>", status="deferred", planned_at=NOW - 3 * HOUR)
        add_issue(s, second, delivery=waiting)
        add_issue(s, second, TODAY - DAY, status="empty")
        add_issue(s, first, TODAY - 5 * DAY, composed_at=NOW - 5 * DAY)
        s.add(Bounce(digest="a", kind="hard", diagnostic="", received_at=NOW - HOUR))
        s.add(Bounce(digest="b", kind="hard", diagnostic="", received_at=NOW - 30 * HOUR))
    found = measured(database)
    assert (found["papers"], found["papers_last_day"]) == (3, 2)
    assert (found["readers"]["active",], found["readers"]["bounced",]) == (2, 1)
    assert (found["issues_last_day"]["composed",], found["issues_last_day"]["empty",]) == (2, 1)
    assert (found["issue_mails_last_day"]["sent",], found["issue_mails_last_day"]["deferred",]) == (1, 1)
    assert (found["mails_waiting"]["deferred",], found["mails_waiting"]["planned",]) == (1, 0)
    assert found["mail_oldest_waiting_seconds"] == 3 * 3600
    assert found["bounces_last_day"] == 1
    assert found["database_bytes"] >= 100_000


@pytest.mark.parametrize(
    ("hours", "due", "oldest"),
    [(-2, 0, 0), (0, 2, 1.5 * 3600), (20, 0, 0)],
)
def test_issues_are_due_from_their_hour_until_it_is_too_late(
    database: Database, hours: int, due: int, oldest: float
) -> None:
    """Seven in Berlin is five in UTC, and NOW half past six. Not for who has theirs, nor who wants none."""
    with database.write() as s:
        for number in range(4):
            reader, subscription = add_reader(s, f"r{number}@example.org")
            subscription.created_at = NOW - 10 * DAY
            s.add(subscription)
            if number == 2:
                add_issue(s, subscription, TODAY)
            if number == 3:
                reader.status = "paused"
                s.add(reader)
            if number < 2:
                add_issue(s, subscription, TODAY - DAY, composed_at=NOW - DAY)
    found = measured(database, NOW + hours * HOUR)
    assert (found["issues_due"], found["issues_due_oldest_seconds"]) == (due, oldest)


def test_nothing_is_due_for_who_came_after_their_hour(database: Database) -> None:
    """They are served tomorrow; an alert would be false."""
    with database.write() as s:
        reader, subscription = add_reader(s)
        assert subscription.created_at == NOW
        add_subscription(s, reader, cadence="weekly", weekday=4)
    assert measured(database, NOW + HOUR)["issues_due"] == 0
    assert measured(database, NOW + DAY)["issues_due"] == 1


def test_runs_are_told_by_how_they_ended_and_how_long_they_took(database: Database) -> None:
    with database.write() as s:
        for hours, ok_ in ((3, True), (2, False), (1, None), (40, True)):
            number = run_rows.start_run(s, "deliver", NOW - hours * HOUR)
            if ok_ is not None:
                at = NOW - hours * HOUR + timedelta(seconds=90)
                run_rows.finish_run(s, number, ok=ok_, outcome={}, now=at)
        number = run_rows.start_run(s, "refresh", NOW - HOUR)
        run_rows.finish_run(s, number, ok=True, outcome={}, now=NOW - HOUR + timedelta(seconds=7))
    found = measured(database)
    runs = {outcome: found["runs_last_day"]["deliver", outcome] for outcome in ("ok", "failed", "unended")}
    assert runs == {"ok": 1, "failed": 1, "unended": 1}
    assert found["run_last_timestamp_seconds"]["deliver",] == (NOW - HOUR).timestamp()
    assert found["run_last_good_timestamp_seconds"]["deliver",] == (NOW - 3 * HOUR).timestamp()
    assert found["run_last_seconds"] == {("refresh",): 7}


def test_a_run_of_a_time_to_come_is_none(database: Database) -> None:
    """Else nothing would be late before that time has come."""
    with database.write() as s:
        for at in (NOW - 9 * HOUR, NOW + 1000 * DAY):
            number = run_rows.start_run(s, "compose", at)
            run_rows.finish_run(s, number, ok=True, outcome={}, now=at)
    found = measured(database)
    assert found["run_last_timestamp_seconds"]["compose",] == (NOW - 9 * HOUR).timestamp()
    assert found["run_last_good_timestamp_seconds"]["compose",] == (NOW - 9 * HOUR).timestamp()
    assert found["runs_last_day"]["compose", "ok"] == 1
    assert found["runs_last_day"]["backup", "failed"] == 0


def test_files_are_told_by_when_they_were_written(database: Database) -> None:
    """The newest of each; what is being written is none yet."""
    assert "model_timestamp_seconds" not in measured(database)
    for name, at in (
        ("models/ranking-10-1-a.npz", 1000), ("models/ranking-20-1-b.npz", 2000),
        ("models/usual-x.npz", 9000), ("backups/digest-20260801T000000Z/x", 3000), ("backups/.part-x", 9000),
    ):  # fmt: skip
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, (at, at))
        if path.parent.parent.name == "backups":
            os.utime(path.parent, (at, at))
    found = measured(database)
    assert found["model_timestamp_seconds"] == 2000
    assert found["backup_timestamp_seconds"] == 3000
    assert found["disk_free_bytes"] > 0


def test_a_database_that_cannot_be_read_is_told_and_breaks_nothing(
    database: Database, tmp_path: Path
) -> None:
    database.close()
    (tmp_path / "digest.db").write_bytes(b"no database " * 1000)
    found = measured(database)
    assert found["database_up"] == 0
    assert "papers" not in found


def test_the_text_can_be_read_back(database: Database) -> None:
    """By Prometheus' own parser; no name is twice, and each has a word of help."""
    settings = Settings(data_dir=Path.cwd())
    sources: Any = [SimpleNamespace(name='odd "name"\\ and\nmore')]
    text = render_measures(read_measures(database, settings, sources, NOW))
    families = list(text_string_to_metric_families(text))
    names = [family.name for family in families]
    assert len(set(names)) == len(names) >= 20
    assert all(family.documentation and family.type == "gauge" for family in families)
    failures = next(one for one in families if one.name == "digest_source_failures_in_row")
    assert failures.samples[0].labels == {"source": 'odd "name"\\ and\nmore'}


def test_the_command_prints_the_same(tmp_path: Path) -> None:
    """For node_exporter's textfile collector; with nothing on stderr."""
    Path("digest.toml").write_text(f'data_dir = "{tmp_path / "data"}"\n')
    ok("subscriber", "add", "ada@example.org", "--active")
    ran = ok("status", "--metrics")
    samples = {one.name: one for family in text_string_to_metric_families(ran.out) for one in family.samples}
    assert samples["digest_papers"].value == 0
    assert 'digest_readers{status="active"} 1.0' in ran.out
    assert ran.err == ""
    assert run("status", "--metrics", "--json").code == 2


def test_what_fails_while_it_is_read_is_not_kept() -> None:
    """The next scrape asks again."""
    answers: list[Any] = [ValueError("a bug"), [Measure("x", "An x.", [({}, 5)])]]

    def read() -> list[Measure]:
        answer = answers.pop(0)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    metrics = WebMetrics(read, clock=lambda: 0.0)
    with pytest.raises(ValueError, match="a bug"):
        metrics.text()
    assert "digest_x 5.0" in metrics.text()


# --- the sample of alerts ----------------------------------------------------------------------------


def rules() -> list[dict[str, str]]:
    """The alerts of the sample: each with its expression, how long, severity, why and what to do.

    Read by hand, since YAML is no part of this project: the file keeps to one value a line.
    """
    found: list[dict[str, str]] = []
    for line in ALERTS.read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r" +(?:- )?(\w+): (.+)", line)
        if match is None or match[1] == "name":
            continue
        if match[1] == "alert":
            found.append({})
        found[-1][match[1]] = match[2].strip("'\"")
    return found


def test_the_sample_has_the_shape_that_prometheus_reads() -> None:
    """Groups of rules; only keys that there are, indented by two, and values that YAML takes as text."""
    text = ALERTS.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert lines[0] == "groups:"
    assert "\t" not in text
    shapes = (
        r"groups:", r"  - name: [a-z-]+", r"    rules:", r"      - alert: [A-Z]\w+",
        r"        expr: \S.*", r"        for: \d+[mhd]",
        r"        labels:", r"          severity: (warning|critical)",
        r"        annotations:", r"          (summary|description): '[^']+'",
    )  # fmt: skip
    for line in lines:
        assert any(re.fullmatch(shape, line) for shape in shapes), line
    assert text.count("- alert:") == len(rules())
    for rule in rules():
        assert set(rule) == {"alert", "expr", "for", "severity", "summary", "description"}, rule
        # A colon with a blank, or a sign with a meaning at the front, would make another thing of it.
        assert not re.match(r"[\[{&*!|>%@`\"']", rule["expr"])
        assert ": " not in rule["expr"]
        assert " #" not in rule["expr"]


def test_each_metric_that_an_alert_names_is_there(database: Database) -> None:
    """And each label that it asks for; brackets are balanced."""
    with database.write() as s:
        add_papers(s, [make_entry(1)])
        number = run_rows.start_run(s, "compose", NOW)
        run_rows.finish_run(s, number, ok=True, outcome={}, now=NOW)
    for name in ("models/ranking-1-1-a.npz", "backups/digest-20260801T000000Z"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    settings = Settings(data_dir=Path.cwd())
    sources: Any = [SimpleNamespace(name="hf")]
    measures = {f"digest_{one.name}": one for one in read_measures(database, settings, sources, NOW)}
    web = {f"digest_web_request_seconds_{ending}" for ending in ("count", "sum", "bucket")}
    named = set()
    for rule in rules():
        for metric, _, labels in re.findall(r"\b(digest_\w+)(\{([^}]*)\})?", rule["expr"]):
            named.add(metric)
            assert metric in measures or metric in web, rule
            if metric in measures and labels:
                samples = measures[metric].samples
                for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
                    assert value in {given[label] for given, _ in samples}, rule
        for opening, closing in ("()", "{}", "[]"):
            assert rule["expr"].count(opening) == rule["expr"].count(closing)
        assert "\u2192" in rule["description"], "what to do is told behind an arrow"
    assert len(named) >= 10


@pytest.mark.parametrize(
    ("alert", "when"),
    [
        ("DigestIsGone", 'up{job="digest"} == 0'),
        ("DigestIsGone", "absent(digest_database_up)"),
        ("DigestRunsFail", "unless on(instance, use_case) (time() - digest_run_last_good_timestamp_seconds"),
        ("DigestSourceFails", "unless on(instance, source) digest_source_last_good_timestamp_seconds"),
        ("DigestHasNoBackup", "unless on(instance) digest_backup_timestamp_seconds"),
    ],
)
def test_what_is_not_there_is_alerted_of_too(database: Database, alert: str, when: str) -> None:
    """A comparison with a series that is not there is never true, as before the first backup."""
    (rule,) = [one for one in rules() if one["alert"] == alert]
    assert when in rule["expr"]
    found = measured(database)
    assert not {"backup_timestamp_seconds"} & set(found)
    assert found["run_last_good_timestamp_seconds"] == found["source_last_good_timestamp_seconds"] == {}


def test_the_documentation_lists_every_metric_with_its_labels(database: Database) -> None:
    """And none that there is not."""
    with database.write() as s:
        row = s.get_one(Source, add_source(s))
        row.last_good_at = row.last_checked_at = NOW
        row.last_verdict = "fresh"
        s.add(row)
        number = run_rows.start_run(s, "compose", NOW)
        run_rows.finish_run(s, number, ok=True, outcome={}, now=NOW)
    for name in ("models/ranking-1-1-a.npz", "backups/digest-20260801T000000Z"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    settings = Settings(data_dir=Path.cwd())
    sources: Any = [SimpleNamespace(name="hf")]
    there = {
        f"digest_{one.name}": ", ".join(one.samples[0][0])
        for one in read_measures(database, settings, sources, NOW)
    }
    text = (ALERTS.parents[1] / "docs" / "watching.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `(digest_\w+)` \|([^|]*)\|", text, re.MULTILINE)
    told = {name: labels.strip() for name, labels in table}
    assert told == there | {"digest_web_request_seconds": "route, method, status"}


def test_times_are_unix_seconds(database: Database) -> None:
    """So that time() - x is an age."""
    with database.write() as s:
        run_rows.start_run(s, "compose", NOW)
    told = measured(database)["run_last_timestamp_seconds"]["compose",]
    assert datetime.fromtimestamp(told, UTC) == NOW
