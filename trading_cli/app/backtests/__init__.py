"""The stored past, played again: what a run sees, what it is asked, and what is said of it.

history     `StoreHistory`: a home's file as a History, decision for decision what live steps saw
taken       what was decided, dealt and paid in a span, as it stands in the store
standing    the account as it stood at an instant, made of the rows that only grow
rerun       recorded slots taken again by the engine, where and as the live steps worked
differences what came out otherwise, and its cause; facts_apart: where two decisions' facts part
repeating   what `parity` and `replay` have in common
mids_only   a span of stored mids as arrays; screening: the cells of a sweep on them
parity      `trading parity`: a recorded span, decision for decision
"""
