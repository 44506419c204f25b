"""Judges the SPF record of an envelope sender's domain (RFC 7208): is it sound, and is our relay in it?"""

from digest.domains.lookups import Finding, Level, Record, Resolver, shown
from digest.domains.relays import Relay
from digest.domains.spf_record import SpfRecord
from digest.domains.spf_tree import MAX_LOOKUPS, MAX_VOID, SpfTree, judge_address, read_tree

__all__ = ["check_spf", "suggest_spf"]

_TOPIC = "spf"


def check_spf(domain: str, resolver: Resolver, relay: Relay) -> list[Finding]:
    """What is to be said of the record of ``domain``, the one that mail's envelope sender is at.

    A receiver looks at that domain, not at the one readers see. Whether the relay is covered can be told
    for addresses the operator named and for known providers, else only where the relay's own address is in
    the record: a relay may send by other addresses than it takes mail at.
    """
    tree = read_tree(domain, resolver)
    root = tree.root
    if root.failed:
        return [_could_not(domain, f"the SPF record of {domain} could not be looked up: {root.failed}")]
    if not root.texts:
        return [
            Finding(
                _TOPIC,
                domain,
                Level.WRONG,
                f"{domain} has no SPF record, so receivers cannot tell who may send for it",
                "publish it" if "<" not in str(suggest_spf(domain, relay)) else "publish it, filled in",
                suggest_spf(domain, relay),
            )
        ]
    if len(root.texts) > 1:
        return [
            Finding(
                _TOPIC,
                domain,
                Level.WRONG,
                f"{domain} has {len(root.texts)} SPF records, which counts as an error: receivers use none",
                "keep one record that holds the terms of all",
            )
        ]
    assert root.record is not None  # noqa: S101 - there is exactly one text
    findings = [*_faults(domain, tree), *_ending(domain, root.record)]
    if not any(finding.is_bad for finding in findings):
        findings.append(_sound(domain, tree))
    return [*findings, *_coverage(domain, tree, relay)]


def suggest_spf(domain: str, relay: Relay) -> Record:
    """The record to publish where there is none; ``<…>`` stands for what is not known here."""
    if relay.sends_from:
        who = " ".join(_term_for(address) for address in relay.sends_from)
    elif relay.provider is not None:
        include = relay.provider.include
        who = f"include:{include}" if include else f"<what {relay.provider.label} says>"
    elif relay.addresses:
        who = f"a:{relay.host}"
    else:
        who = "ip4:<the address your relay sends from>"
    return Record(domain, "TXT", f"v=spf1 {who} ~all")


def _term_for(address: str) -> str:
    return f"ip6:{address}" if ":" in address else f"ip4:{address}"


def _could_not(domain: str, sentence: str) -> Finding:
    return Finding(
        _TOPIC, domain, Level.FAILED, sentence, "ask again later, or see whether its name server answers"
    )


def _sound(domain: str, tree: SpfTree) -> Finding:
    number = "1 lookup" if tree.lookups == 1 else f"{tree.lookups} lookups"
    sentence = f"{domain} has one SPF record; it takes {number} of {MAX_LOOKUPS}"
    return Finding(_TOPIC, domain, Level.WELL, sentence)


def _faults(domain: str, tree: SpfTree) -> list[Finding]:
    """What makes receivers give up on the record."""
    findings = [
        Finding(_TOPIC, domain, Level.WRONG, f"the SPF record of {domain} is an error: {fault}", "correct it")
        for fault in tree.faults
    ]
    if tree.lookups > MAX_LOOKUPS:
        sentence = f"the SPF record of {domain} takes {tree.lookups} lookups, and {MAX_LOOKUPS} are allowed"
        mend = "remove includes of services that no longer send for you, or put them on a subdomain"
        findings.append(Finding(_TOPIC, domain, Level.WRONG, sentence, mend))
    if tree.void > MAX_VOID:
        sentence = (
            f"the SPF record of {domain} names {tree.void} things that do not exist; "
            f"receivers give up after {MAX_VOID}"
        )
        findings.append(Finding(_TOPIC, domain, Level.WRONG, sentence, "remove the names that are gone"))
    findings += [
        _could_not(domain, f"a part of the SPF record of {domain} could not be looked up: {name}")
        for name in dict.fromkeys(tree.failed)
    ]
    if any(term.name == "ptr" for term in (tree.root.record.terms if tree.root.record else ())):
        sentence = f"the SPF record of {domain} uses ptr, which is slow and which some receivers ignore"
        findings.append(Finding(_TOPIC, domain, Level.NOTE, sentence, "name addresses instead"))
    return findings


def _ending(domain: str, record: SpfRecord) -> list[Finding]:
    """What the record says of everybody else."""
    last = record.all
    if last is None:
        if record.redirect:
            return []
        sentence = f"the SPF record of {domain} does not end with all, so it says nothing of other senders"
        return [Finding(_TOPIC, domain, Level.NOTE, sentence, "end it with ~all")]
    if last.qualifier == "+":
        sentence = f"the SPF record of {domain} ends with +all: anybody may send for you"
        return [Finding(_TOPIC, domain, Level.WRONG, sentence, "end it with ~all")]
    if last.qualifier == "?":
        sentence = f"the SPF record of {domain} ends with ?all, which says nothing of other senders"
        return [Finding(_TOPIC, domain, Level.NOTE, sentence, "end it with ~all")]
    if record.redirect:
        sentence = f"the SPF record of {domain} has both all and redirect=, which is then never looked at"
        return [Finding(_TOPIC, domain, Level.NOTE, sentence, "remove one of the two")]
    return []


# --- is our relay in it? -----------------------------------------------------------------------------


def _coverage(domain: str, tree: SpfTree, relay: Relay) -> list[Finding]:
    if tree.faults or tree.lookups > MAX_LOOKUPS or tree.void > MAX_VOID:
        return []  # an error covers nobody, and that is told already
    if relay.sends_from:
        return [_named(domain, tree, address) for address in relay.sends_from]
    if relay.provider is not None:
        return [_provider(domain, tree, relay)]
    if not relay.addresses:
        why = f" ({relay.why_unknown})" if relay.why_unknown else ""
        sentence = f"whether the SPF record of {domain} covers the address {relay.name} sends from{why}"
        return [Finding(_TOPIC, domain, Level.OPEN, f"it cannot be told from here {sentence}", _NAME_IT)]
    outside = [one for one in relay.addresses if judge_address(tree.root, one) != "pass"]
    if not outside:
        sentence = f"the SPF record of {domain} covers {relay.name} ({', '.join(relay.addresses)})"
        return [Finding(_TOPIC, domain, Level.WELL, sentence)]
    sentence = (
        f"the SPF record of {domain} does not cover {', '.join(outside)}, where {relay.name} takes mail; "
        "whether it sends from there cannot be told from here"
    )
    terms = " ".join(_term_for(address) for address in outside)
    return [Finding(_TOPIC, domain, Level.OPEN, sentence, f"if it does, add {terms}; {_NAME_IT}")]


_NAME_IT = "name the address it sends from with --sends-from to have that checked"


def _named(domain: str, tree: SpfTree, address: str) -> Finding:
    verdict = judge_address(tree.root, address)
    if verdict == "pass":
        sentence = f"the SPF record of {domain} covers {address}"
        return Finding(_TOPIC, domain, Level.WELL, sentence)
    if tree.failed or verdict == "temperror":
        sentence = f"whether the SPF record of {domain} covers {address} could not be looked up"
        return _could_not(domain, sentence)
    if tree.untold:
        sentence = (
            f"the SPF record of {domain} does not name {address}, but {', '.join(tree.untold)} in it "
            "depends on the mail, so only a test shows"
        )
        return Finding(_TOPIC, domain, Level.OPEN, sentence)
    sentence = f"the SPF record of {domain} does not cover {address}: the answer is {verdict}"
    mend = f"add {_term_for(address)} before its all"
    return Finding(_TOPIC, domain, Level.WRONG, sentence, mend)


def _provider(domain: str, tree: SpfTree, relay: Relay) -> Finding:
    provider = relay.provider
    assert provider is not None  # noqa: S101 - the caller looked
    if provider.include and provider.include in tree.included:
        sentence = f"the SPF record of {domain} includes {provider.include}, so it covers {provider.label}"
        return Finding(_TOPIC, domain, Level.WELL, sentence)
    if tree.failed:
        return _could_not(domain, f"whether the SPF record of {domain} covers {provider.label} is not known")
    if provider.own_envelope or not provider.include:
        advice = f"add include:{provider.include} if its set-up page says so" if provider.include else ""
        sentence = (
            f"{provider.label} may send under an envelope sender of its own, which its own SPF covers; "
            "the Return-Path of a test mail shows"
        )
        return Finding(_TOPIC, domain, Level.OPEN, sentence, advice)
    sentence = (
        f"the SPF record of {domain} does not include {shown(provider.include)}, so not {provider.label}"
    )
    mend = f"add include:{provider.include} before its all"
    return Finding(_TOPIC, domain, Level.WRONG, sentence, mend)
