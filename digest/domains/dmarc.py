"""Judges the DMARC record of the domain that readers see (RFC 7489), and which other domains align with it.

There is no list of public suffixes here. The organisational domain is found by walking up the labels to
the shortest parent that has a DMARC record, as the revision of DMARC does; where no parent has one, none
is assumed.
"""

from dataclasses import dataclass

from digest.domains.lookups import Finding, Level, Record, Resolver, shown
from digest.domains.tags import parse_tags

__all__ = ["DmarcRecord", "Policy", "check_alignment", "check_dmarc", "find_policy", "parse_dmarc"]

_TOPIC = "dmarc"
_POLICIES = ("none", "quarantine", "reject")
# The walk asks for so many names at most, the longest ones left out (so do its authors).
MAX_WALK = 8


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """One record. ``policy`` is "" where it is missing or no word of DMARC; then ``fault`` says so.

    ``subdomains`` is the policy for domains below; ``strict_dkim`` and ``strict_spf`` demand the very
    same domain.
    """

    policy: str
    subdomains: str
    percent: int = 100
    reports: bool = False
    strict_dkim: bool = False
    strict_spf: bool = False
    is_public_suffix: bool = False
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for a domain: the ``record`` found at ``found_at``, which is it or a parent of it.

    ``organisation`` is the shortest parent with a record ("" where there is none at all). ``several`` says
    how many records ``found_at`` has where that is not one; ``failed`` why nothing is known.
    """

    domain: str
    record: DmarcRecord | None = None
    found_at: str = ""
    organisation: str = ""
    several: int = 0
    failed: str = ""


def parse_dmarc(text: str) -> DmarcRecord | None:
    """Read a TXT record at ``_dmarc.<domain>``; ``None`` for one that is something else."""
    tags, faults = parse_tags(text)
    if next(iter(tags), "") != "v" or tags["v"] != "DMARC1":
        return None
    found = list(faults)
    policy = tags.get("p", "").lower()
    if policy not in _POLICIES:
        found.append(f"p={shown(policy)} is none of {', '.join(_POLICIES)}" if policy else "p= is missing")
    modes = {name: tags.get(name, "r").lower() for name in ("adkim", "aspf")}
    found += [f"{name}= is neither r nor s" for name, mode in modes.items() if mode not in ("r", "s")]
    percent = tags.get("pct", "100")
    if not (percent.isascii() and percent.isdigit() and len(percent) <= 3 and int(percent) <= 100):
        found.append("pct= is no number from 0 to 100")
        percent = "100"
    subdomains = tags.get("sp", policy).lower()
    return DmarcRecord(
        policy if policy in _POLICIES else "",
        subdomains if subdomains in _POLICIES else "",
        percent=int(percent),
        reports=bool(tags.get("rua")),
        strict_dkim=modes["adkim"] == "s",
        strict_spf=modes["aspf"] == "s",
        is_public_suffix=tags.get("psd", "").lower() == "y",
        faults=tuple(found),
    )


def find_policy(domain: str, resolver: Resolver) -> Policy:
    """The record that holds for a domain: its own, else the one of the shortest parent that has one."""
    labels = domain.lower().rstrip(".").split(".")
    names = [".".join(labels[at:]) for at in range(max(1, len(labels) - 1))]
    names = names[:1] + names[1:][-(MAX_WALK - 1) :]
    held: list[tuple[str, DmarcRecord]] = []
    for name in names:
        answer = resolver.look_up(f"_dmarc.{name}", "TXT")
        if answer.failed:
            return Policy(domain, failed=f"_dmarc.{name}: {answer.why}")
        records = [record for record in map(parse_dmarc, answer.values) if record is not None]
        if len(records) > 1 and name == names[0]:
            return Policy(domain, found_at=name, several=len(records))
        if len(records) == 1 and not records[0].is_public_suffix:
            held.append((name, records[0]))
    if not held:
        return Policy(domain)
    found_at, record = held[0] if held[0][0] == names[0] else held[-1]
    return Policy(domain, record, found_at, organisation=held[-1][0])


def check_dmarc(policy: Policy) -> list[Finding]:
    """What is to be said of the record itself."""
    domain, record = policy.domain, policy.record
    if policy.failed:
        mend = "ask again later, or see whether its name server answers"
        sentence = f"the DMARC record of {domain} could not be looked up ({policy.failed})"
        return [Finding(_TOPIC, domain, Level.FAILED, sentence, mend)]
    if policy.several:
        sentence = f"{domain} has {policy.several} DMARC records; receivers then act as if there were none"
        return [Finding(_TOPIC, domain, Level.WRONG, sentence, "keep one")]
    if record is None:
        value = f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}"
        sentence = f"{domain} has no DMARC record, which Gmail and Yahoo demand of those who send to many"
        add = Record(f"_dmarc.{domain}", "TXT", value)
        return [Finding(_TOPIC, domain, Level.WRONG, sentence, "publish it", add)]
    where = f"the DMARC record of {policy.found_at}"
    if record.faults:
        mend = "correct it"
        return [
            Finding(_TOPIC, domain, Level.WRONG, f"{where} is wrong: {fault}", mend)
            for fault in record.faults
        ]
    return [*_strength(policy, record, where), *_reports(policy, record, where)]


def _strength(policy: Policy, record: DmarcRecord, where: str) -> list[Finding]:
    domain = policy.domain
    word, tag = (record.policy, "p") if policy.found_at == domain else (record.subdomains, "sp")
    holds = "" if policy.found_at == domain else f", which holds for {domain} too"
    if not word:
        sentence = f"{where} has an sp= that is none of {', '.join(_POLICIES)}"
        return [Finding(_TOPIC, domain, Level.WRONG, sentence, "correct it")]
    findings = [Finding(_TOPIC, domain, Level.WELL, f"{where} says {tag}={word}{holds}")]
    if word == "none":
        sentence = f"{where} only watches ({tag}=none): that is enough to be let in, and stops no forger"
        mend = f"once its reports show only your own servers, say {tag}=quarantine, then {tag}=reject"
        findings = [Finding(_TOPIC, domain, Level.NOTE, sentence, mend)]
    if record.percent < 100:
        sentence = f"{where} holds for {record.percent} % of mail only (pct=), which newer receivers ignore"
        findings.append(Finding(_TOPIC, domain, Level.NOTE, sentence, "remove pct="))
    return findings


def _reports(policy: Policy, record: DmarcRecord, where: str) -> list[Finding]:
    if record.reports:
        return []
    mend = f"add rua=mailto:postmaster@{policy.found_at}, or another mailbox that somebody reads"
    sentence = f"{where} asks for no reports (rua=), so you do not hear of mail that fails"
    return [Finding(_TOPIC, policy.domain, Level.NOTE, sentence, mend)]


# --- alignment ---------------------------------------------------------------------------------------


def check_alignment(policy: Policy, envelope: Policy) -> Finding:
    """Whether SPF of the envelope sender's domain counts for the domain that readers see.

    DKIM counts where the ``d=`` of the signature aligns; which one the relay writes, a test mail shows.
    """
    domain, other = policy.domain, envelope.domain
    strict = policy.record is not None and policy.record.strict_spf
    signing = f"DKIM must sign with d={domain}" + (
        "" if policy.record is not None and policy.record.strict_dkim else " (or a parent or child of it)"
    )
    if domain == other:
        sentence = f"bounces go to the domain that mail comes from, {domain}, so its SPF counts for DMARC"
        return Finding(_TOPIC, domain, Level.WELL, f"{sentence}; {signing}")
    if policy.failed or envelope.failed:
        sentence = f"whether SPF of {other} counts for {domain} could not be looked up"
        return Finding(_TOPIC, domain, Level.FAILED, sentence, "ask again later")
    if not strict and policy.organisation and policy.organisation == envelope.organisation:
        sentence = (
            f"{other} and {domain} belong to {policy.organisation}, so SPF of the one counts for the other"
        )
        return Finding(_TOPIC, domain, Level.WELL, f"{sentence}; {signing}")
    why = "aspf=s demands the very same domain" if strict else "they are not known to belong together"
    sentence = (
        f"bounces go to {other} and mail comes from {domain}: SPF does not count for DMARC, as {why}; "
        "DMARC then rests on DKIM alone"
    )
    mend = f"{signing}; or set bounce_address to an address at {domain}"
    return Finding(_TOPIC, domain, Level.NOTE, sentence, mend)
