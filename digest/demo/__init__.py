"""The demonstration: an invented site, its five days, three readers, and the real pipeline over them.

Nothing here is needed by the program itself, and nothing here leaves the machine.
"""
