"""Judges what a domain publishes about its mail: SPF, DKIM, DMARC, MX and reverse names.

Pure but for :class:`DnsResolver`: every check takes a :class:`Resolver` and gives findings, each one
sentence with its mend. A lookup that failed is told as such and never as something missing. Does not send
mail, and does not know what signs it.
"""

from digest.domains.dkim import DkimKey, check_dkim, parse_key
from digest.domains.dmarc import DmarcRecord, Policy, check_alignment, check_dmarc, find_policy, parse_dmarc
from digest.domains.dns_resolver import DnsResolver
from digest.domains.lookups import Answer, Finding, Kind, Level, Record, Resolver
from digest.domains.receiving import check_mx, check_reverse
from digest.domains.relays import PROVIDERS, Provider, Relay, find_provider, owner_of
from digest.domains.spf import check_spf, suggest_spf
from digest.domains.spf_record import SpfRecord, is_spf, parse_spf
from digest.domains.spf_tree import judge_address, read_tree

__all__ = [
    "PROVIDERS",
    "Answer",
    "DkimKey",
    "DmarcRecord",
    "DnsResolver",
    "Finding",
    "Kind",
    "Level",
    "Policy",
    "Provider",
    "Record",
    "Relay",
    "Resolver",
    "SpfRecord",
    "check_alignment",
    "check_dkim",
    "check_dmarc",
    "check_mx",
    "check_reverse",
    "check_spf",
    "find_policy",
    "find_provider",
    "is_spf",
    "judge_address",
    "owner_of",
    "parse_dmarc",
    "parse_key",
    "parse_spf",
    "read_tree",
    "suggest_spf",
]
