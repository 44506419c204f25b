"""What was learnt of readers' interests, as bytes, under the fingerprint of what it was learnt from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import delete, insert, select
from sqlmodel import Session

from digest.storage.bulk import in_batches, table

__all__ = ["list_states", "set_states"]

States = Mapping[int, Mapping[str, bytes]]


def list_states(s: Session, subscriber_ids: Iterable[int]) -> dict[int, dict[str, bytes]]:
    """The kept states of these readers, by reader and fingerprint."""
    states = table("learned_states")
    found: dict[int, dict[str, bytes]] = defaultdict(dict)
    for batch in in_batches(sorted(set(subscriber_ids))):
        query = select(states.c.subscriber_id, states.c.fingerprint, states.c.state)
        for number, name, state in s.connection().execute(query.where(states.c.subscriber_id.in_(batch))):
            found[number][name] = state
    return found


def set_states(s: Session, new: States) -> None:
    """Make these the kept states of these readers; those they had before go."""
    states = table("learned_states")
    connection = s.connection()
    there = table("subscribers")
    for batch in in_batches(sorted(new)):
        connection.execute(delete(states).where(states.c.subscriber_id.in_(batch)))
        # Not those of a reader who was deleted meanwhile.
        known = set(connection.execute(select(there.c.id).where(there.c.id.in_(batch))).scalars())
        rows = [
            {"subscriber_id": number, "fingerprint": name, "state": state}
            for number in batch
            if number in known
            for name, state in new[number].items()
        ]
        if rows:
            connection.execute(insert(states), rows)
