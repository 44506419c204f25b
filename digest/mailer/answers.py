"""What a failed attempt means for what is done next. Pure."""

from enum import StrEnum

from digest.errors import DeliveryError

__all__ = ["Outcome", "classify"]


class Outcome(StrEnum):
    """What became of one attempt that failed, and so what is to be done.

    ``later``: try this mail again. ``slow``: the same, and leave its domain alone for a while. ``refused``:
    do not send this mail again; it counts against the address. ``policy``: not again either, but it is
    the sender that is not trusted (authentication, reputation): never counts against an address, and many
    of them stop the run. ``uncertain``: the mail may have arrived. ``broken``: nothing can be sent; stop.
    """

    LATER = "later"
    SLOW_DOMAIN = "slow"
    REFUSED = "refused"
    POLICY = "policy"
    UNCERTAIN = "uncertain"
    BROKEN = "broken"


def classify(error: DeliveryError) -> Outcome:
    """Read a failure: by what is known of it first, then by enhanced code (RFC 3463), then by code."""
    if error.uncertain:
        return Outcome.UNCERTAIN
    if error.fatal:
        return Outcome.BROKEN
    enhanced = error.enhanced or ""
    if error.transient:
        slows = error.code == 421 or enhanced.startswith("4.7.")
        return Outcome.SLOW_DOMAIN if slows else Outcome.LATER
    return Outcome.POLICY if enhanced.startswith("5.7.") else Outcome.REFUSED
