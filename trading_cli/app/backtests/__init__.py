"""The stored past, played again: what a run sees, what it is asked, and what is said of it.

history     `StoreHistory`: a home's file as a History, decision for decision what live steps saw
"""
