"""Every cause has one true sentence with dates, names and what to do; coverage tells what was looked at."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.types import Cadence, DeliveryStatus, IssueStatus, SubscriberStatus, Verdict
from digest.why import (
    Cause,
    DeliveryFacts,
    Explanation,
    IssueFacts,
    MissedFacts,
    RunFacts,
    SourceCheck,
    WhyFacts,
    empty_reason,
    explain,
    is_made_up,
    missed_reason,
    notice_text,
    summarise_coverage,
    waited_sentence,
)
from digest.why.days import full_day, holiday, one_line, short_day

MONDAY = date(2026, 8, 3)
ADA = "ada@reader.example"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def facts(**changes: Any) -> WhyFacts:
    """Ada's digest of Monday 3 August 2026, due at 08:00 in Berlin, asked for at noon there; nothing made."""
    usual = WhyFacts(
        email=ADA,
        local_date=MONDAY,
        zone="Europe/Berlin",
        now=utc("2026-08-03T10:00"),
        created_at=utc("2026-07-01T10:00"),
        due_at=utc("2026-08-03T06:00"),
        next_due_at=utc("2026-08-04T06:00"),
    )
    return replace(usual, **changes)


def issue(status: IssueStatus = IssueStatus.COMPOSED, **changes: Any) -> IssueFacts:
    usual = IssueFacts(
        status=status, composed_at=utc("2026-08-03T06:01"), papers=10, expires_at=utc("2026-08-04T02:00")
    )
    return replace(usual, **changes)


def delivery(status: DeliveryStatus, **changes: Any) -> DeliveryFacts:
    return replace(DeliveryFacts(status=status, recipient=ADA), **changes)


def check(
    verdict: Verdict = Verdict.FRESH, day: date = MONDAY, label: str = "Hugging Face", **changes: Any
) -> SourceCheck:
    usual = SourceCheck(label=label, day=day, verdict=verdict, checked_at=utc("2026-08-03T05:55"))
    return replace(usual, **changes)


def is_because(answer: Explanation, code: Cause, *words: str) -> None:
    """It names that cause, in one printable sentence that has those words in it."""
    assert answer.code is code, answer
    for word in words:
        assert word in answer.sentence, answer.sentence
    assert answer.sentence.endswith(".")
    assert ". " not in answer.sentence
    assert answer.sentence.isprintable()
    assert answer.sentence[0].isupper() or answer.sentence.startswith("arXiv")
    assert Explanation.from_stored(str(answer)) == answer


# --- the digest came -------------------------------------------------------------------------------


def test_sent() -> None:
    """When, to whom, how many papers, and the server's own words."""
    sent = delivery(
        DeliveryStatus.SENT, sent_at=utc("2026-08-03T06:02"), reply="250 2.0.0 Ok: queued as 4ABC"
    )
    answer = explain(facts(issue=issue(), delivery=sent))
    is_because(
        answer, Cause.SENT, "Monday 3 August 2026", "at 08:02", ADA, "10 papers", "queued as 4ABC", "spam"
    )


def test_sent_to_the_outbox() -> None:
    """No spam folder is named for a mail that lies in our own Maildir."""
    sent = delivery(
        DeliveryStatus.SENT, sent_at=utc("2026-08-04T06:02"), reply="stored on this machine as new/1.digest"
    )
    answer = explain(facts(issue=issue(papers=1), delivery=sent))
    is_because(
        answer,
        Cause.SENT,
        "on Tuesday 4 August 2026 at 08:02",
        "1 paper ",
        "(stored on this machine as new/1.digest)",
    )
    assert "spam" not in answer.sentence


def test_sent_as_a_notice() -> None:
    notice = issue(IssueStatus.NOTICE, papers=0, reason="source_late The Test List had listed nothing.")
    answer = explain(
        facts(issue=notice, delivery=delivery(DeliveryStatus.SENT, sent_at=utc("2026-08-03T06:02")))
    )
    is_because(answer, Cause.SENT, "A notice", "at 08:02", "The Test List had listed nothing.")


def test_in_the_feed_only() -> None:
    is_because(explain(facts(issue=issue())), Cause.IN_FEED, "private feed", "10 papers")
    is_because(explain(facts(issue=issue(IssueStatus.NOTICE))), Cause.IN_FEED, "private feed", "a notice")


# --- the reader's own standing ---------------------------------------------------------------------


def test_before_the_subscription() -> None:
    answer = explain(facts(local_date=date(2026, 6, 30)))
    is_because(answer, Cause.BEFORE_SUBSCRIPTION, "began on Wednesday 1 July 2026", "Tuesday 30 June 2026")


def test_a_moved_clock_does_not_put_the_reader_before_the_subscription() -> None:
    assert explain(facts(created_at=utc("2026-11-01T00:00"))).code is not Cause.BEFORE_SUBSCRIPTION


def test_unconfirmed() -> None:
    answer = explain(facts(status=SubscriberStatus.UNCONFIRMED))
    is_because(answer, Cause.UNCONFIRMED, ADA, "not confirmed", f"digest subscriber activate {ADA}")


def test_paused_until_a_day() -> None:
    answer = explain(facts(status=SubscriberStatus.PAUSED, paused_until=date(2026, 8, 20)))
    is_because(answer, Cause.PAUSED, "paused until Thursday 20 August 2026", "Monday 3 August 2026")


def test_paused_without_an_end() -> None:
    is_because(explain(facts(status=SubscriberStatus.PAUSED)), Cause.PAUSED, f"activate {ADA}")


def test_a_pause_that_is_over_is_no_cause() -> None:
    answer = explain(facts(status=SubscriberStatus.PAUSED, paused_until=MONDAY))
    assert answer.code is Cause.SCHEDULER_DID_NOT_RUN


def test_bounced() -> None:
    is_because(explain(facts(status=SubscriberStatus.BOUNCED)), Cause.BOUNCED, ADA, "came back")


def test_unsubscribed() -> None:
    is_because(
        explain(facts(status=SubscriberStatus.UNSUBSCRIBED)), Cause.UNSUBSCRIBED, f"{ADA} has unsubscribed"
    )


def test_who_left_after_the_issue_was_made_is_told_so() -> None:
    for status in (DeliveryStatus.PLANNED, DeliveryStatus.DEFERRED, DeliveryStatus.SKIPPED):
        answer = explain(
            facts(issue=issue(), delivery=delivery(status), status=SubscriberStatus.UNSUBSCRIBED)
        )
        assert answer.code is Cause.UNSUBSCRIBED


# --- not on that date ------------------------------------------------------------------------------


def test_not_on_this_day() -> None:
    saturday = facts(
        local_date=date(2026, 8, 8), is_on=False, due_at=None, next_due_at=utc("2026-08-10T06:00")
    )
    answer = explain(replace(saturday, cadence=Cadence.WEEKDAYS))
    is_because(
        answer,
        Cause.NOT_ON_THIS_DAY,
        "Saturday 8 August 2026",
        "for weekdays",
        "next is due on Monday 10 August 2026 at 08:00",
    )
    answer = explain(replace(saturday, cadence=Cadence.WEEKLY, weekday=1, next_due_at=None))
    is_because(answer, Cause.NOT_ON_THIS_DAY, "weekly, on Tuesdays.")


def test_no_such_date() -> None:
    answer = explain(
        facts(
            local_date=date(2011, 12, 30), zone="Pacific/Apia", due_at=None, created_at=None, next_due_at=None
        )
    )
    is_because(answer, Cause.NO_SUCH_DATE, "no Friday 30 December 2011 in Pacific/Apia")


def test_not_due_yet() -> None:
    answer = explain(facts(now=utc("2026-08-03T03:30")))
    is_because(answer, Cause.NOT_DUE_YET, "not due before 08:00 (Europe/Berlin)", "there it is 05:30")
    answer = explain(facts(now=utc("2026-08-02T12:00")))
    is_because(answer, Cause.NOT_DUE_YET, "there it is Sunday 2 August 2026 at 14:00")
    assert explain(facts(now=utc("2026-08-03T06:00"))).code is not Cause.NOT_DUE_YET


# --- nothing ran -----------------------------------------------------------------------------------


def test_the_scheduler_did_not_run() -> None:
    answer = explain(facts(last_compose=RunFacts("compose", utc("2026-08-01T06:00"), ok=True)))
    is_because(
        answer,
        Cause.SCHEDULER_DID_NOT_RUN,
        "was due at 08:00 (Europe/Berlin)",
        "ran last on Saturday 1 August 2026 at 08:00",
        "digest run",
    )
    is_because(explain(facts()), Cause.SCHEDULER_DID_NOT_RUN, "the scheduler has never run")


def test_the_scheduler_did_not_run_in_time() -> None:
    answer = explain(
        facts(now=utc("2026-08-06T10:00"), last_compose=RunFacts("compose", utc("2026-08-05T06:00")))
    )
    is_because(
        answer,
        Cause.SCHEDULER_DID_NOT_RUN,
        "did not run before it was too late on Tuesday 4 August 2026 at 04:00",
        "cron",
    )


@pytest.mark.parametrize(
    ("ok", "words"), [(False, "and failed"), (None, "and did not finish"), (True, "without making it")]
)
def test_compose_ran_but_made_no_digest(ok: bool | None, words: str) -> None:
    answer = explain(facts(composes=(RunFacts("compose", utc("2026-08-03T06:05"), ok=ok),)))
    is_because(answer, Cause.NOT_COMPOSED, "compose ran at 08:05", words, "digest compose --date 2026-08-03")


# --- made but not sent -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (None, "has never run"),
        (RunFacts("deliver", utc("2026-08-03T05:00")), "ran last at 07:00, before that"),
        (RunFacts("deliver", utc("2026-08-03T07:00")), "waits for the next digest deliver"),
    ],
)
def test_waiting_to_be_sent(last: RunFacts | None, words: str) -> None:
    answer = explain(facts(issue=issue(), delivery=delivery(DeliveryStatus.PLANNED), last_deliver=last))
    is_because(answer, Cause.WAITING_TO_BE_SENT, "was made at 08:01", words)


def test_waiting_because_the_way_of_sending_is_broken() -> None:
    broken = delivery(
        DeliveryStatus.PLANNED, reason="The mail server mail.example:465 refused the log-in: 535 No."
    )
    answer = explain(facts(issue=issue(), delivery=broken))
    is_because(answer, Cause.WAITING_TO_BE_SENT, "refused the log-in: 535 No)", "digest deliver tries again")


def test_waiting_while_being_sent() -> None:
    sending = delivery(DeliveryStatus.SENDING, sending_at=utc("2026-08-03T06:02"))
    answer = explain(facts(issue=issue(), delivery=sending))
    is_because(answer, Cause.WAITING_TO_BE_SENT, "began at 08:02", "cut off")


def test_deferred() -> None:
    later = delivery(
        DeliveryStatus.DEFERRED,
        reason="451 4.7.1 Greylisted,\r\ntry later.",
        retry_at=utc("2026-08-03T10:20"),
    )
    answer = explain(facts(issue=issue(), delivery=later))
    is_because(answer, Cause.DEFERRED, ADA, "451 4.7.1 Greylisted, try later)", "next try is at 12:20")
    answer = explain(facts(issue=issue(), delivery=later, now=utc("2026-08-03T10:21")))
    is_because(answer, Cause.DEFERRED, "digest deliver tries again")


def test_refused() -> None:
    """The mail server's own words are in it."""
    refused = delivery(DeliveryStatus.REFUSED, reason="mail.example refused: 550 5.1.1 No such\x1b[0m reader")
    answer = explain(facts(issue=issue(), delivery=refused))
    is_because(answer, Cause.REFUSED, ADA, "550 5.1.1 No such [0m reader", "not tried again")
    is_because(
        explain(facts(issue=issue(), delivery=delivery(DeliveryStatus.REFUSED, reply="550 No."))),
        Cause.REFUSED,
        "550 No.",
    )


def test_uncertain() -> None:
    held = delivery(DeliveryStatus.UNCERTAIN, sending_at=utc("2026-08-03T06:02"))
    answer = explain(facts(issue=issue(), delivery=held))
    is_because(answer, Cause.UNCERTAIN, ADA, "at 08:02", "may have arrived")


@pytest.mark.parametrize(
    ("status", "sending", "now"),
    [
        (IssueStatus.EXPIRED, DeliveryStatus.SKIPPED, "2026-08-05T10:00"),
        (IssueStatus.EXPIRED, None, "2026-08-05T10:00"),
        (IssueStatus.COMPOSED, DeliveryStatus.PLANNED, "2026-08-04T02:00"),
        (IssueStatus.COMPOSED, DeliveryStatus.DEFERRED, "2026-08-05T10:00"),
    ],
)
def test_expired(status: IssueStatus, sending: DeliveryStatus | None, now: str) -> None:
    a_delivery = delivery(sending) if sending else None
    answer = explain(facts(issue=issue(status), delivery=a_delivery, now=utc(now)))
    is_because(answer, Cause.EXPIRED, "made at 08:01", "too old on Tuesday 4 August 2026 at 04:00")


def test_skipped_for_a_recorded_reason() -> None:
    skipped = delivery(DeliveryStatus.SKIPPED, reason="the reader is paused")
    is_because(explain(facts(issue=issue(), delivery=skipped)), Cause.SKIPPED, ADA, "the reader is paused.")


def test_a_mail_that_came_back() -> None:
    """When it went, what the other side said, and whether more will be sent."""
    bounced = delivery(
        DeliveryStatus.BOUNCED, sent_at=utc("2026-08-03T06:02"), reason="5.1.1 No such reader", reply="250 Ok"
    )
    answer = explain(facts(issue=issue(), delivery=bounced))
    is_because(answer, Cause.BOUNCED, ADA, "at 08:02, but came back: 5.1.1 No such reader.")
    answer = explain(facts(issue=issue(), delivery=bounced, status=SubscriberStatus.BOUNCED))
    is_because(answer, Cause.BOUNCED, "came back: 5.1.1", "until the address works again")


def test_a_mail_that_was_reported_as_unwanted() -> None:
    complained = delivery(DeliveryStatus.COMPLAINED, sent_at=utc("2026-08-03T06:02"))
    answer = explain(facts(issue=issue(), delivery=complained, status=SubscriberStatus.UNSUBSCRIBED))
    is_because(answer, Cause.COMPLAINED, ADA, "at 08:02", "reported", "ends the subscription")


def test_a_slowed_domain_is_told_by_its_reason() -> None:
    slowed = delivery(
        DeliveryStatus.DEFERRED,
        reason="mail to reader.example is slowed down: 421 4.7.0 Too many mails",
        retry_at=utc("2026-08-03T10:20"),
    )
    answer = explain(facts(issue=issue(), delivery=slowed))
    is_because(answer, Cause.DEFERRED, "slowed down: 421 4.7.0", "next try is at 12:20")


def test_papers_of_days_before_are_counted() -> None:
    sent = delivery(DeliveryStatus.SENT, sent_at=utc("2026-08-03T06:02"))
    answer = explain(facts(issue=issue(papers=14, away=4), delivery=sent))
    is_because(answer, Cause.SENT, "with 14 papers, 4 of them from days before that had no digest")


def test_waiting_for_a_source() -> None:
    """Until when, and for whom; over, it is no cause any more."""
    held = facts(
        now=utc("2026-08-03T07:00"),
        held_for=("Hugging Face", "arXiv cs.CL"),
        held_until=utc("2026-08-03T08:00"),
    )
    is_because(
        explain(held), Cause.HELD, "waits for Hugging Face and arXiv cs.CL until 10:00, and goes without"
    )
    assert explain(replace(held, now=utc("2026-08-03T08:00"))).code is Cause.SCHEDULER_DID_NOT_RUN


# --- there never was one ---------------------------------------------------------------------------


def missed(**changes: Any) -> Explanation:
    """Why Ada had no digest on Monday; nothing ran from Sunday to Wednesday."""
    usual = MissedFacts(
        local_date=MONDAY,
        zone="Europe/Berlin",
        due_at=utc("2026-08-03T06:00"),
        closed_at=utc("2026-08-04T02:00"),
        ran_before=utc("2026-08-02T06:00"),
        ran_after=utc("2026-08-05T06:00"),
    )
    return missed_reason(replace(usual, **changes))


def test_a_date_that_was_skipped_keeps_the_reason_it_was_marked_with() -> None:
    answer = missed()
    skipped = issue(IssueStatus.SKIPPED, reason=str(answer))
    assert explain(facts(issue=skipped)) == answer
    is_because(explain(facts(issue=replace(skipped, reason="?"))), Cause.SKIPPED, "not recorded")


def test_missed_because_nothing_ran() -> None:
    is_because(
        missed(made_up_on=date(2026, 8, 5)),
        Cause.SCHEDULER_DID_NOT_RUN,
        "no digest of Monday 3 August 2026",
        "nothing ran between Sunday 2 August 2026 at 08:00 and Wednesday 5 August 2026 at 08:00",
        "; the digest of Wednesday 5 August 2026 looks back on it.",
    )
    is_because(
        missed(ran_before=None), Cause.SCHEDULER_DID_NOT_RUN, "nothing ran before the run on Wednesday"
    )
    is_because(missed(ran_after=None), Cause.SCHEDULER_DID_NOT_RUN, "nothing ran after it was due at 08:00")


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"ran": True}, Cause.TOO_LATE, "failed until it was too late on Tuesday 4 August 2026 at 04:00"),
        ({"ran": True, "ran_ok": True, "held": True}, Cause.TOO_LATE, "it waited for a source"),
        ({"ran": True, "ran_ok": True}, Cause.NOT_ACTIVE, "was not active then"),
        ({"was_changed": True}, Cause.SCHEDULE_CHANGED, "hour, days or time zone were changed"),
        ({"confirmed_on": date(2026, 8, 4)}, Cause.UNCONFIRMED, "confirmed on Tuesday 4 August 2026 only"),
        (
            {"status": SubscriberStatus.PAUSED, "paused_until": date(2026, 8, 5)},
            Cause.PAUSED,
            "paused until Wednesday 5 August 2026",
        ),
    ],
)
def test_missed_for_another_reason(changes: dict[str, Any], code: Cause, words: str) -> None:
    is_because(missed(**changes), code, words)


def test_what_was_not_asked_for_is_not_made_up() -> None:
    """Days outside an earlier schedule, or before it was confirmed, were not missed by anybody."""
    assert not is_made_up(Cause.SCHEDULE_CHANGED)
    assert not is_made_up(Cause.UNCONFIRMED)
    assert is_made_up(Cause.PAUSED)


@pytest.mark.parametrize(
    ("hours", "words"),
    [(2.0, "two hours"), (1.0, "an hour"), (0.5, "half an hour"), (5.0, "5 hours"), (0.25, "15 minutes")],
)
def test_how_long_a_digest_waited_is_said_in_words(hours: float, words: str) -> None:
    said = waited_sentence(["Hugging Face"], hours)
    assert said == f"This digest waited {words} for Hugging Face, which could not be read."


# --- nothing to say --------------------------------------------------------------------------------


def test_an_empty_issue_keeps_the_reason_it_was_made_with() -> None:
    """What was true when it was composed stays the answer, whatever the sources did since."""
    empty = issue(IssueStatus.EMPTY, reason="source_blocked The Test List refused us access.")
    answer = explain(facts(issue=empty, checks=(check(),)))
    is_because(answer, Cause.SOURCE_BLOCKED, "The Test List refused us access.")


@pytest.mark.parametrize("stored", [None, "", "nonsense", "no_such_code It is so.", "sent"])
def test_an_empty_issue_without_a_readable_reason_is_explained_anew(stored: str | None) -> None:
    answer = explain(facts(issue=issue(IssueStatus.EMPTY, reason=stored), checks=(check(),)))
    assert answer.code is Cause.NO_NEW_PAPERS


@pytest.mark.parametrize(
    ("verdict", "code", "words"),
    [
        (Verdict.UNREACHABLE, Cause.SOURCE_UNREACHABLE, "could not be reached since Thursday (no answer)"),
        (Verdict.BLOCKED, Cause.SOURCE_BLOCKED, "refused us access since Thursday (no answer)"),
        (
            Verdict.BROKEN,
            Cause.SOURCE_BROKEN,
            "gave a page that could not be read since Thursday (no answer)",
        ),
        (
            Verdict.STALE,
            Cause.SOURCE_STALE,
            "still showed an older day for Monday 3 August 2026 when last read at 07:55",
        ),
        (Verdict.PARTIAL, Cause.SOURCE_PARTIAL, "gave only part of its list for Monday 3 August 2026"),
    ],
)
def test_a_source_that_failed(verdict: Verdict, code: Cause, words: str) -> None:
    failing = check(verdict, failing_since=utc("2026-07-30T05:00"), error="no answer.")
    answer = empty_reason(facts(checks=(failing,), n_candidates=7, n_already_sent=7))
    is_because(answer, code, f"Hugging Face {words}")


def test_the_worst_of_several_failures_is_named_and_who_shares_it() -> None:
    checks = (
        check(label="Fine List", entries=3),
        check(Verdict.STALE, label="Ancient List"),
        check(Verdict.UNREACHABLE, label="Dead List"),
        check(Verdict.UNREACHABLE, label="Gone List"),
    )
    is_because(
        empty_reason(facts(checks=checks)), Cause.SOURCE_UNREACHABLE, "Dead List and Gone List could not"
    )


def test_a_failure_that_is_over_is_no_cause() -> None:
    checks = (check(Verdict.UNREACHABLE, day=date(2026, 8, 2)), check(entries=4))
    assert empty_reason(facts(checks=checks, n_candidates=4, n_already_sent=4)).code is Cause.ALL_SENT_BEFORE


def test_a_failure_behind_a_page_that_is_not_out_yet_is_a_cause() -> None:
    checks = (check(Verdict.BROKEN, day=date(2026, 8, 2)), check(Verdict.EMPTY))
    assert empty_reason(facts(checks=checks)).code is Cause.SOURCE_BROKEN


def test_a_source_is_late() -> None:
    """A working day whose page is still empty: it may fill later."""
    checks = (check(Verdict.EMPTY), check(day=date(2026, 8, 2), entries=5))
    answer = empty_reason(facts(checks=checks, n_candidates=5, n_already_sent=5))
    is_because(
        answer,
        Cause.SOURCE_LATE,
        "Hugging Face had listed nothing for Monday 3 August 2026",
        "07:55",
        "next digest",
    )


def test_no_new_papers_on_a_weekend() -> None:
    sunday = date(2026, 8, 2)
    answer = empty_reason(
        facts(local_date=sunday, checks=(check(Verdict.EMPTY, day=sunday),), n_candidates=9, n_already_sent=9)
    )
    is_because(answer, Cause.NO_NEW_PAPERS_WEEKEND, "Sunday 2 August 2026 is a weekend day")


def test_no_new_papers_on_a_holiday() -> None:
    christmas = date(2026, 12, 25)
    answer = empty_reason(facts(local_date=christmas, checks=(check(Verdict.EMPTY, day=christmas),)))
    is_because(answer, Cause.NO_NEW_PAPERS_HOLIDAY, "Friday 25 December 2026 is a holiday (Christmas Day)")


def test_a_weekend_is_no_cause_where_papers_came_or_for_a_whole_week() -> None:
    sunday = date(2026, 8, 2)
    listed = facts(
        local_date=sunday, checks=(check(day=sunday, entries=9),), n_candidates=9, n_already_sent=9
    )
    assert empty_reason(listed).code is Cause.ALL_SENT_BEFORE
    weekly = facts(local_date=sunday, cadence=Cadence.WEEKLY, checks=(check(Verdict.UNCHANGED, day=sunday),))
    assert empty_reason(weekly).code is Cause.NO_NEW_PAPERS


def test_no_new_papers() -> None:
    checks = (check(Verdict.UNCHANGED), check(Verdict.UNCHANGED, label="arXiv cs.CL"))
    answer = empty_reason(facts(checks=checks))
    is_because(
        answer, Cause.NO_NEW_PAPERS, "Hugging Face and arXiv cs.CL listed no papers", "Monday 3 August 2026"
    )


def test_all_sent_before() -> None:
    answer = empty_reason(facts(checks=(check(entries=41),), n_candidates=41, n_already_sent=41))
    is_because(answer, Cause.ALL_SENT_BEFORE, "All 41 papers", "Monday 3 August 2026")
    answer = empty_reason(facts(checks=(check(entries=1),), n_candidates=1, n_already_sent=1))
    is_because(answer, Cause.ALL_SENT_BEFORE, "The one paper")


def test_of_a_day_long_ago_it_says_that_it_is_not_known_any_more() -> None:
    """Neither that nothing ran nor that there was no mail, where only the records of it are gone."""
    is_because(explain(facts(is_forgotten=True)), Cause.FORGOTTEN, "3 August 2026", "not known any more")
    put_away = issue(is_put_away=True)
    is_because(explain(facts(issue=put_away)), Cause.FORGOTTEN, "10 papers", "how it was sent is not known")
    sent = delivery(DeliveryStatus.SENT, sent_at=utc("2026-08-03T06:02"))
    assert explain(facts(issue=put_away, delivery=sent)).code is Cause.SENT


def test_nothing_above_the_threshold() -> None:
    answer = empty_reason(
        facts(checks=(check(entries=41),), n_candidates=41, n_already_sent=29, n_below_threshold=12)
    )
    is_because(answer, Cause.NOTHING_ABOVE_THRESHOLD, "None of the 12 papers", f"digest interest add {ADA}")
    answer = empty_reason(facts(checks=(check(entries=41),), n_candidates=1))
    is_because(answer, Cause.NOTHING_ABOVE_THRESHOLD, "The one paper")


def test_interests_are_not_blamed_where_there_are_none() -> None:
    answer = empty_reason(facts(checks=(check(entries=41),), n_candidates=41, has_interests=False))
    is_because(answer, Cause.NOTHING_ABOVE_THRESHOLD, "names no interests", f"digest interest add {ADA}")
    assert "close enough" not in answer.sentence


@pytest.mark.parametrize("checks", [(), (check(day=date(2026, 8, 1), entries=4),)])
def test_no_source_was_read(checks: tuple[SourceCheck, ...]) -> None:
    answer = empty_reason(facts(checks=checks))
    is_because(
        answer, Cause.SCHEDULER_DID_NOT_RUN, "No source was read", "no refresh has run", "digest refresh"
    )
    last = RunFacts("refresh", utc("2026-08-01T05:00"))
    answer = empty_reason(facts(checks=checks, last_refresh=last))
    is_because(answer, Cause.SCHEDULER_DID_NOT_RUN, "the last refresh ran on Saturday 1 August 2026 at 07:00")


def test_a_reader_east_of_the_source_is_a_day_ahead() -> None:
    """Monday morning in Auckland the source's newest page is Sunday's; that is not "not read"."""
    auckland = facts(
        zone="Pacific/Auckland", now=utc("2026-08-02T20:00"), checks=(check(day=date(2026, 8, 2)),)
    )
    assert empty_reason(auckland).code is Cause.NO_NEW_PAPERS


# --- whatever the facts ----------------------------------------------------------------------------

_days = st.dates(date(2026, 7, 28), date(2026, 8, 5))
_times = st.datetimes(datetime(2026, 7, 28), datetime(2026, 8, 5), timezones=st.just(UTC))
_words = st.none() | st.text(max_size=30)
_checks = st.builds(
    SourceCheck,
    label=st.sampled_from(["Hugging Face", "arXiv cs.CL"]),
    day=_days,
    verdict=st.sampled_from(Verdict),
    checked_at=_times,
    entries=st.integers(0, 50),
    declared=st.none() | st.integers(0, 60),
    failing_since=st.none() | _times,
    error=_words,
)
_runs = st.builds(RunFacts, use_case=st.just("compose"), started_at=_times, ok=st.none() | st.booleans())


@given(
    st.builds(
        WhyFacts,
        local_date=_days,
        zone=st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia"]),
        now=_times,
        email=st.just(ADA),
        status=st.sampled_from(SubscriberStatus),
        paused_until=st.none() | _days,
        created_at=st.none() | _times,
        cadence=st.sampled_from(Cadence),
        weekday=st.integers(0, 6),
        is_on=st.booleans(),
        due_at=st.none() | _times,
        next_due_at=st.none() | _times,
        issue=st.none()
        | st.builds(
            IssueFacts,
            status=st.sampled_from(IssueStatus),
            composed_at=_times,
            papers=st.integers(0, 25),
            expires_at=st.none() | _times,
            reason=_words,
        ),
        delivery=st.none()
        | st.builds(
            DeliveryFacts,
            status=st.sampled_from(DeliveryStatus),
            recipient=st.just(ADA),
            sending_at=st.none() | _times,
            sent_at=st.none() | _times,
            retry_at=st.none() | _times,
            reply=_words,
            reason=_words,
        ),
        composes=st.lists(_runs, max_size=2).map(tuple),
        last_refresh=st.none() | _runs,
        last_compose=st.none() | _runs,
        last_deliver=st.none() | _runs,
        checks=st.lists(_checks, max_size=6).map(tuple),
        held_for=st.sampled_from([(), ("Hugging Face",)]),
        held_until=st.none() | _times,
        n_candidates=st.integers(0, 5),
        n_already_sent=st.integers(0, 5),
        n_below_threshold=st.integers(0, 5),
    )
)
def test_any_facts_have_one_printable_sentence(some: WhyFacts) -> None:
    """Even of facts that contradict one another; and a stored explanation reads back as it was."""
    for answer in (explain(some), empty_reason(some)):
        assert answer.sentence.isprintable()
        assert answer.sentence.endswith(".")
        assert "None of" in answer.sentence or "None" not in answer.sentence
        assert Explanation.from_stored(" ".join(answer)) == answer


def test_every_cause_is_reached_by_a_test_of_its_own() -> None:
    """This file names each cause; a new one without a test fails here."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert [cause for cause in Cause if f"Cause.{cause.name}" not in text] == []


# --- coverage --------------------------------------------------------------------------------------


def coverage(*checks: SourceCheck, today: date = MONDAY) -> str:
    return summarise_coverage(checks, today=today, zone="Europe/Berlin")


def test_coverage_names_what_was_looked_at_and_what_was_not() -> None:
    text = coverage(
        check(entries=41, declared=41),
        check(Verdict.UNREACHABLE, label="arXiv cs.CL", failing_since=utc("2026-07-30T05:00")),
    )
    assert text == "Hugging Face: 41 papers, complete. arXiv cs.CL: not reachable since Thursday."


@pytest.mark.parametrize(
    ("verdict", "changes", "words"),
    [
        (Verdict.FRESH, {"entries": 1}, "1 paper, complete"),
        (Verdict.UNCHANGED, {"entries": 41}, "41 papers, complete"),
        (Verdict.UNCHANGED, {}, "nothing changed since it was last read"),
        (Verdict.EMPTY, {}, "no papers listed"),
        (Verdict.PARTIAL, {"entries": 30, "declared": 41}, "30 of 41 papers, incomplete"),
        (Verdict.PARTIAL, {"entries": 30}, "30 papers, incomplete"),
        (Verdict.STALE, {"entries": 30}, "still showing an older day"),
        (Verdict.BLOCKED, {}, "access refused"),
        (Verdict.BROKEN, {}, "not readable"),
        (Verdict.UNREACHABLE, {}, "not reachable"),
        (Verdict.BLOCKED, {"failing_since": utc("2026-08-03T04:12")}, "access refused since 06:12"),
        (Verdict.BROKEN, {"failing_since": utc("2026-07-28T22:30")}, "not readable since Wednesday"),
        (Verdict.UNREACHABLE, {"failing_since": utc("2026-07-12T10:00")}, "not reachable since 12 July"),
        (
            Verdict.UNREACHABLE,
            {"failing_since": utc("2025-12-31T10:00")},
            "not reachable since 31 December 2025",
        ),
        (Verdict.UNREACHABLE, {"day": date(2026, 8, 1)}, "not reachable for Saturday"),
    ],
)
def test_every_verdict_has_its_words(verdict: Verdict, changes: dict[str, Any], words: str) -> None:
    assert coverage(check(verdict, **changes)) == f"Hugging Face: {words}."


def test_every_verdict_is_covered() -> None:
    for verdict in Verdict:
        assert coverage(check(verdict, entries=2)).startswith("Hugging Face: ")


def week(*verdicts: Verdict, **changes: Any) -> list[SourceCheck]:
    """Checks of the days up to Monday, eleven papers on each good one."""
    first = MONDAY - timedelta(days=len(verdicts) - 1)
    return [
        check(
            verdict,
            day=first + timedelta(days=n),
            entries=11 if verdict.is_good and verdict != "empty" else 0,
            **changes,
        )
        for n, verdict in enumerate(verdicts)
    ]


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ("fresh unchanged fresh", "33 papers over 3 days, complete"),
        ("fresh empty empty", "11 papers, complete"),
        ("empty empty", "no papers listed"),
        ("fresh unreachable fresh", "22 papers over 2 days, not reachable for Sunday"),
        ("fresh broken broken fresh", "22 papers over 2 days, not readable for Saturday and Sunday"),
        (
            "fresh stale blocked",
            "11 papers, still showing an older day for Sunday, access refused for Monday",
        ),
        ("stale stale stale stale", "still showing an older day for 4 days"),
    ],
)
def test_several_days_are_added_up(verdicts: str, words: str) -> None:
    assert coverage(*week(*map(Verdict, verdicts.split()))) == f"Hugging Face: {words}."


def test_a_failure_that_lasts_is_told_from_its_beginning() -> None:
    good, bad = [Verdict.FRESH] * 2, [Verdict.UNREACHABLE] * 2
    checks = week(*good, *bad, failing_since=utc("2026-08-02T04:00"))
    assert coverage(*checks) == "Hugging Face: 22 papers over 2 days, not reachable since Sunday."


def test_a_failure_that_is_over_is_told_by_its_days() -> None:
    sunday = check(Verdict.UNREACHABLE, day=date(2026, 8, 2), failing_since=utc("2026-07-30T05:00"))
    assert coverage(sunday, check(entries=41)) == "Hugging Face: 41 papers, not reachable for Sunday."


def test_of_several_checks_of_a_page_the_last_one_counts() -> None:
    first = check(Verdict.UNREACHABLE, checked_at=utc("2026-08-03T03:00"))
    assert coverage(check(entries=41), first) == "Hugging Face: 41 papers, complete."


def test_nothing_looked_at_is_said() -> None:
    assert coverage() == "No source was looked at."


def test_a_notice_is_one_line() -> None:
    """What was looked at is told below it by every mail and feed, so it is not in it."""
    assert notice_text("There was\nnothing. ") == "There was nothing."


# --- days in words ---------------------------------------------------------------------------------


@given(st.dates(date(2000, 1, 1), date(2040, 1, 1)))
def test_days_in_words_do_not_depend_on_the_locale(day: date) -> None:
    """The same as strftime in the C locale, without a leading zero."""
    assert full_day(day) == f"{day:%A} {day.day} {day:%B %Y}"


def test_weekdays_are_for_the_last_seven_days_only() -> None:
    assert short_day(date(2026, 7, 28), MONDAY) == "Tuesday"
    assert short_day(date(2026, 7, 27), MONDAY) == "27 July"
    assert short_day(date(2026, 8, 4), MONDAY) == "4 August"


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2026-01-01", "New Year's Day"),
        ("2026-01-19", "Martin Luther King Day"),
        ("2026-05-25", "Memorial Day"),
        ("2026-09-07", "Labor Day"),
        ("2026-11-26", "Thanksgiving"),
        ("2027-11-25", "Thanksgiving"),
        ("2026-11-27", None),
        ("2026-05-18", None),
        ("2026-08-03", None),
    ],
)
def test_holidays(day: str, name: str | None) -> None:
    assert holiday(date.fromisoformat(day)) == name


@given(st.text(max_size=600))
def test_other_peoples_words_become_one_printable_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= 300
    assert not line.endswith(".")
