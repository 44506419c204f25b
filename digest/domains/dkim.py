"""Judges DKIM keys (RFC 6376, 3.6; RFC 8301 on lengths; RFC 8463 on Ed25519).

Only the published key can be looked at: whether mail is signed with it, and which headers, a test mail
shows.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from digest.domains.lookups import Finding, Level, Record, Resolver, shown
from digest.domains.relays import COMMON_SELECTORS, Relay
from digest.domains.tags import parse_tags

__all__ = ["DkimKey", "check_dkim", "parse_key"]

_TOPIC = "dkim"
WEAK_BITS = 1024
GOOD_BITS = 2048
ED25519_BYTES = 32


@dataclass(frozen=True, slots=True)
class DkimKey:
    """One key record. ``fault`` says why receivers cannot use it; ``bits`` is for RSA only.

    ``revoked``: published to say that the key is no longer good. ``testing``: ``t=y``.
    """

    kind: str = "rsa"
    bits: int | None = None
    revoked: bool = False
    testing: bool = False
    fault: str = ""


def parse_key(text: str) -> DkimKey:
    """Read the TXT record at ``<selector>._domainkey.<domain>``."""
    tags, faults = parse_tags(text)
    kind = tags.get("k", "rsa").lower()
    testing = "y" in [flag.strip() for flag in tags.get("t", "").split(":")]
    if faults:
        return DkimKey(kind, testing=testing, fault=faults[0])
    if tags.get("v", "DKIM1") != "DKIM1" or ("v" in tags and next(iter(tags)) != "v"):
        return DkimKey(kind, testing=testing, fault="it does not begin with v=DKIM1")
    if "p" not in tags:
        return DkimKey(kind, testing=testing, fault="it holds no key (p=)")
    if tags["p"] == "":
        return DkimKey(kind, testing=testing, revoked=True)
    if "s" in tags and not {"*", "email"} & {one.strip() for one in tags["s"].split(":")}:
        return DkimKey(kind, testing=testing, fault="it is not for mail (s=)")
    try:
        data = base64.b64decode(re.sub(r"\s", "", tags["p"]), validate=True)
    except (binascii.Error, ValueError):
        return DkimKey(kind, testing=testing, fault="its p= is not base64; it may have been cut off")
    if kind == "ed25519":
        fault = "" if len(data) == ED25519_BYTES else "its key is not 32 bytes long"
        return DkimKey(kind, testing=testing, fault=fault)
    if kind != "rsa":
        return DkimKey(kind, testing=testing, fault=f"k={shown(kind)} is no kind of key that is known")
    bits = _rsa_bits(data)
    return DkimKey(kind, bits, testing=testing, fault="" if bits else "its p= is no RSA key, or cut off")


def _rsa_bits(data: bytes) -> int | None:
    """The length of an RSA key, given as SubjectPublicKeyInfo or as bare RSAPublicKey (RFC 8017, A.1.1)."""
    outer = _value(data, 0x30)
    if outer is None:
        return None
    if outer[:1] == b"\x30":  # the algorithm comes first, then the key in a bit string
        algorithm = _value(outer, 0x30)
        bits = _value(outer[len(algorithm) + 2 :], 0x03) if algorithm is not None else None
        outer = _value(bits[1:], 0x30) if bits else None
    modulus = _value(outer, 0x02) if outer else None
    return int.from_bytes(modulus, "big").bit_length() if modulus else None


def _value(data: bytes, tag: int) -> bytes | None:
    """The content of the DER element that ``data`` begins with, if it has that tag and is whole."""
    if len(data) < 2 or data[0] != tag:
        return None
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    return data[start : start + length] if len(data) >= start + length else None


# --- the findings ------------------------------------------------------------------------------------


def check_dkim(
    domain: str, resolver: Resolver, relay: Relay, selector: str | None, parents: Sequence[str] = ()
) -> list[Finding]:
    """What is to be said of the keys of the domain that readers see.

    Without a ``selector`` the names that are usual are tried: finding none of them proves nothing, as
    selectors cannot be listed. A key at one of ``parents`` serves too where DMARC is relaxed.
    """
    for place in (domain, *parents):
        found, failed = _look(place, resolver, _selectors(relay, selector))
        if found:
            return [
                *(finding for name, text in found for finding in _judge(place, name, text)),
                _only_a_test(place),
            ]
        if failed:
            mend = "ask again later, or see whether its name server answers"
            sentence = f"DKIM keys of {place} could not be looked up: {failed}"
            return [Finding(_TOPIC, place, Level.FAILED, sentence, mend)]
    return [_missing(domain, relay, selector)]


def _selectors(relay: Relay, selector: str | None) -> tuple[str, ...]:
    if selector:
        return (selector,)
    if relay.provider is not None:
        return relay.provider.selectors or COMMON_SELECTORS
    return COMMON_SELECTORS


def _look(domain: str, resolver: Resolver, selectors: Sequence[str]) -> tuple[list[tuple[str, str]], str]:
    """The key records that are there, and why a lookup failed, if one did."""
    found: list[tuple[str, str]] = []
    for name in selectors:
        answer = resolver.look_up(f"{name}._domainkey.{domain}", "TXT")
        if answer.failed:
            return found, answer.why
        if len(answer.values) > 1:
            found.append((name, ""))  # several: what a receiver takes is not defined
        found += [(name, text) for text in answer.values[:1] if len(answer.values) == 1]
    return found, ""


def _judge(domain: str, selector: str, text: str) -> list[Finding]:
    where = f"the DKIM key {selector}._domainkey.{domain}"

    def told(level: Level, sentence: str, mend: str = "") -> Finding:
        return Finding(_TOPIC, domain, level, f"{where} {sentence}", mend)

    key = parse_key(text)
    new = "make a new key of 2048 bits where mail is signed, and publish it"
    if not text:
        return [told(Level.WRONG, "is there several times", "keep one record of that name")]
    if key.fault:
        return [told(Level.WRONG, f"cannot be used: {key.fault}", "publish it again as the signer gives it")]
    if key.revoked:
        return [told(Level.WRONG, "is revoked (its p= is empty)", new)]
    findings = []
    if key.bits is not None and key.bits < WEAK_BITS:
        findings = [told(Level.WRONG, f"has {key.bits} bits; receivers take none below {WEAK_BITS}", new)]
    elif key.bits is not None and key.bits < GOOD_BITS:
        findings = [told(Level.NOTE, f"has {key.bits} bits; {GOOD_BITS} are advised", new)]
    elif key.kind == "ed25519":
        more = "add an RSA key of 2048 bits with a selector of its own, and sign with both"
        findings = [told(Level.NOTE, "is Ed25519, which some large receivers cannot check", more)]
    if key.testing:
        note = "says that it is only being tested (t=y)"
        findings.append(told(Level.NOTE, note, "remove t=y once mail arrives signed"))
    return findings or [told(Level.WELL, f"is an RSA key of {key.bits} bits")]


def _only_a_test(domain: str) -> Finding:
    sentence = (
        f"a key alone signs nothing: that mails are signed for {domain}, List-Unsubscribe-Post included, "
        "only a test mail shows"
    )
    mend = "digest mail test ADDRESS, then look for dkim=pass and the list h= in the headers that arrive"
    return Finding(_TOPIC, domain, Level.OPEN, sentence, mend)


def _missing(domain: str, relay: Relay, selector: str | None) -> Finding:
    if selector:
        name = f"{selector}._domainkey.{domain}"
        return Finding(
            _TOPIC,
            domain,
            Level.WRONG,
            f"there is no DKIM key at {name}",
            f"publish the one of {relay.name}, or correct dkim_selector",
            Record(name, "TXT", "v=DKIM1; k=rsa; p=<the public key>"),
        )
    tried = ", ".join(_selectors(relay, None))
    sentence = f"no DKIM key of {domain} was found under the usual selectors ({tried}); there may be another"
    mend = f"have {relay.name} sign with a key of {domain}, and name its selector as dkim_selector"
    return Finding(_TOPIC, domain, Level.WRONG, sentence, mend)
