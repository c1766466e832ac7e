"""A pretend exchange on the real wire format, over real HTTP; shares no parser with the sources.

backend   the question every world answers      world     an invented one, with planted truth
server    the wire of eight hosts               replay    a recorded one
faults    what goes wrong, on request           ledger    who asked how often
running   starts and stops it                   control   moves its only clock
"""
