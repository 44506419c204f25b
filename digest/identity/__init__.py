"""Which paper is this entry? Pure: entries and what is stored in, one answer per entry out.

An entry is a stored paper by arXiv id, else DOI, else another id (a PubMed number), else the source's own
id, else title and abstract. Ids that differ (of one kind) make two papers, whatever the texts say. A title
alone proves nothing beside an id: different papers share titles, and sites mangle them. Within one source
or page only identical texts count; texts that are merely alike join papers across sources only.
"""

from digest.identity.ids import REF, Ids, canonical, described, rank_of
from digest.identity.matching import Found, Recognised, SameAs, identify, recognise
from digest.identity.stored import JoiningChange, StoredJoin, StoredPaper, as_stored, joined
from digest.identity.texts import LookupWords, lookup_words, words_of

__all__ = [
    "REF",
    "Found",
    "Ids",
    "JoiningChange",
    "LookupWords",
    "Recognised",
    "SameAs",
    "StoredJoin",
    "StoredPaper",
    "as_stored",
    "canonical",
    "described",
    "identify",
    "joined",
    "lookup_words",
    "rank_of",
    "recognise",
    "words_of",
]
