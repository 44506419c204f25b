"""The use cases: refresh, import, compose, deliver, publish, explain.

Everything that crosses rooms happens here: reading the database, asking the pure rooms what to do,
writing what they decided in one transaction, and only then doing what leaves the machine.
A ``DigestError`` is recorded on the row it belongs to; anything else is a bug and stops the run.
"""
