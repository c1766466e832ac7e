"""The same deciding and dealing over stored history, slot by slot, without a store or a clock.

history   what a run may ask of the past, and only as it was known then
result    what a run leaves: trades, equity, fills by grade, what stayed open
"""
