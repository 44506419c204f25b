"""A failure has one outcome, and what the sender is to blame for never counts against a reader."""

from itertools import product

import pytest

from digest.errors import DeliveryError
from digest.mailer import Outcome, classify


def answered(code: int, enhanced: str | None, stage: str, *, fatal: bool = False) -> DeliveryError:
    return DeliveryError("x", transient=code < 500, code=code, enhanced=enhanced, stage=stage, fatal=fatal)


@pytest.mark.parametrize(
    ("code", "enhanced", "outcome"),
    [
        (450, None, Outcome.LATER),
        (450, "4.2.1", Outcome.LATER),
        (451, "4.7.1", Outcome.SLOW_DOMAIN),
        (421, None, Outcome.SLOW_DOMAIN),
        (421, "4.3.2", Outcome.SLOW_DOMAIN),
        (450, "4.70.1", Outcome.LATER),
        (550, None, Outcome.REFUSED),
        (550, "5.1.1", Outcome.REFUSED),
        (552, "5.2.2", Outcome.REFUSED),
        (550, "5.7.1", Outcome.POLICY),
        (554, "5.7.26", Outcome.POLICY),
        (550, "5.70.1", Outcome.REFUSED),
    ],
)
@pytest.mark.parametrize("stage", ["sender", "recipient", "mail"])
def test_an_answer_has_one_outcome(code: int, enhanced: str | None, outcome: Outcome, stage: str) -> None:
    assert classify(answered(code, enhanced, stage)) is outcome


def test_what_is_known_of_the_way_comes_before_what_the_code_says() -> None:
    assert classify(answered(550, "5.7.1", "sender", fatal=True)) is Outcome.BROKEN
    assert classify(answered(421, "4.3.2", "session", fatal=True)) is Outcome.BROKEN
    assert classify(DeliveryError("x", transient=True, uncertain=True)) is Outcome.UNCERTAIN
    assert classify(DeliveryError("x", transient=True, fatal=True, uncertain=True)) is Outcome.UNCERTAIN


def test_failures_without_an_answer_have_an_outcome_too() -> None:
    """A lost line may be better later; an address that is none never will."""
    assert classify(DeliveryError("x", transient=True, stage="mail")) is Outcome.LATER
    assert classify(DeliveryError("x", transient=False)) is Outcome.REFUSED


def test_what_may_pass_is_never_refused_and_what_is_for_good_never_tried_again() -> None:
    for code, enhanced in product(range(400, 600), [None, "4.7.1", "4.2.2", "5.7.1", "5.1.1"]):
        if enhanced is None or int(enhanced[0]) == code // 100:
            later = classify(answered(code, enhanced, "recipient")) in (Outcome.LATER, Outcome.SLOW_DOMAIN)
            assert later is (code < 500)
