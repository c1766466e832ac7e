"""The same deciding and dealing over stored history, slot by slot, without a store or a clock.

history     what a run may ask of the past, and only as it was known then
rules       what a run obeys: sections, bankroll, fees
engine      slot by slot, the live steps in their order: ``run``
dealing     one order, from the gateway to its fill
holdings    positions, orders and the ledger behind them; must balance after every slot
guard       the switch and the pauses; marks: what everything was worth, and the loss limits
tally       round trips, counts, and the digest of everything
result      what a run leaves: trades, equity, fills by grade, what stayed open
bias        does a decision use what nobody could know yet? blindfolds: the histories that hide it
worlds      a history made of arrays (columns), with books made of mids (mids)
screen*     the same on arrays, for sweeps
"""
