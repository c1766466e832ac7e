"""Deciding and dealing.

fees        what a taker pays, and where that was found
"""
