"""Can mail come back: the MX of an address's domain (RFC 5321, 5.1; RFC 7505), and names of addresses."""

from digest.domains.lookups import Answer, Finding, Kind, Level, Record, Resolver, shown

__all__ = ["check_mx", "check_reverse"]

_AGAIN = "ask again later, or see whether its name server answers"
_MAX_SERVERS = 10


def check_mx(domain: str, resolver: Resolver, purpose: str) -> list[Finding]:
    """Whether mail to ``domain`` finds a server. ``purpose`` says what is written there: "bounces"."""
    answer = resolver.look_up(domain, "MX")
    if answer.failed:
        sentence = f"who takes mail for {domain} could not be looked up: {answer.why}"
        return [Finding("mx", domain, Level.FAILED, sentence, _AGAIN)]
    if answer.state != "found":
        return [_without_mx(domain, resolver, purpose, answer)]
    servers = [value.rpartition(" ")[2] for value in answer.values][:_MAX_SERVERS]
    if servers in ([""], ["."]):
        sentence = f"{domain} says that it takes no mail at all (a null MX), so {purpose} are lost"
        return [Finding("mx", domain, Level.WRONG, sentence, "use an address that takes mail")]
    lost: list[str] = []
    unknown: list[str] = []
    for server in servers:
        states = _addresses(server, resolver)
        if not any(one.values for one in states):
            (unknown if any(one.failed for one in states) else lost).append(server)
    names = ", ".join(shown(server) for server in servers)
    findings = [
        Finding(
            "mx",
            domain,
            Level.WRONG,
            f"the mail server {shown(one)} of {domain} has no address",
            "correct it",
        )
        for one in lost
    ]
    findings += [
        Finding("mx", domain, Level.FAILED, f"the address of {shown(one)} could not be looked up", _AGAIN)
        for one in unknown
    ]
    return findings or [Finding("mx", domain, Level.WELL, f"{purpose} to {domain} go to {names}")]


def _addresses(name: str, resolver: Resolver) -> list[Answer]:
    kinds: tuple[Kind, ...] = ("A", "AAAA")
    return [resolver.look_up(name, kind) for kind in kinds]


def _without_mx(domain: str, resolver: Resolver, purpose: str, answer: Answer) -> Finding:
    states = [] if answer.state == "no_name" else _addresses(domain, resolver)
    add = Record(domain, "MX", "10 <your mail server>.")
    if any(one.values for one in states):
        sentence = f"{domain} has no MX record; {purpose} go to the address of the domain itself"
        return Finding("mx", domain, Level.NOTE, sentence, "publish one, if mail is taken elsewhere", add)
    if any(one.failed for one in states):
        sentence = f"{domain} has no MX record, and its address could not be looked up"
        return Finding("mx", domain, Level.FAILED, sentence, _AGAIN)
    what = "does not exist" if answer.state == "no_name" else "has neither MX record nor address"
    sentence = f"{domain} {what}, so {purpose} are lost, and many receivers refuse mail from there"
    return Finding("mx", domain, Level.WRONG, sentence, "publish one, or use another address", add)


def check_reverse(address: str, resolver: Resolver, pointer: str, domain: str) -> Finding:
    """Whether a sending address has a name that leads back to it, which large receivers demand.

    ``pointer`` is the name to ask (``4.3.2.1.in-addr.arpa``).
    """
    answer = resolver.look_up(pointer, "PTR")
    if answer.failed:
        sentence = f"the name of {address} could not be looked up: {answer.why}"
        return Finding("reverse", domain, Level.FAILED, sentence, _AGAIN)
    mend = "have whoever gave you the address set its reverse name to that of your mail server"
    if not answer.values:
        sentence = f"{address} has no reverse name; many receivers refuse mail from such addresses"
        return Finding("reverse", domain, Level.WRONG, sentence, mend)
    failed = False
    for name in answer.values[:_MAX_SERVERS]:
        back = resolver.look_up(name, "AAAA" if ":" in address else "A")
        failed = failed or back.failed
        if address in back.values:
            return Finding("reverse", domain, Level.WELL, f"{address} is {shown(name)}, and that leads back")
    names = ", ".join(shown(name) for name in answer.values[:_MAX_SERVERS])
    if failed:
        sentence = f"whether {names} leads back to {address} could not be looked up"
        return Finding("reverse", domain, Level.FAILED, sentence, _AGAIN)
    sentence = f"{address} says it is {names}, but that does not lead back to it"
    return Finding("reverse", domain, Level.WRONG, sentence, mend)
