"""The only room that speaks SQL; one module a noun.

Functions take a ``sqlmodel.Session`` first and never commit: the transaction belongs to whoever opened it
with :meth:`digest.storage.database.Database.read` or ``write``. What they return is complete and stays
readable after the session is closed.
"""
