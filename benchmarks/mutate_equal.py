"""The mutants of mutate.py that are the same program, each with the reason."""

_TWO_MARKS = "two marks lose nothing: the earlier is the start, or the peak; a limit is above 0"
_TRUTH = "only its truth is looked at"
_ORDER = "{State.ARMED: 0, State.DISARMED: %d, State.TRIGGERED: %d}"

# (file, function, old text, new text) -> why nothing can tell the two apart
SAME: dict[tuple[str, str, str, str], str] = {
    ("trading/losses.py", "_judgeable", "len(marks) < 2", "len(marks) <= 2"): _TWO_MARKS,
    ("trading/losses.py", "_judgeable", "len(marks) < 2", "len(marks) < 3"): _TWO_MARKS,
    ("trading/losses.py", "_judgeable", "return False", "return None"): _TRUTH,
    ("trading/losses.py", "_lost", "any", "all"): _TWO_MARKS,
    ("trading/losses.py", "_lost", "m.slot < start.slot", "m.slot <= start.slot"): _TWO_MARKS,
    ("trading/losses.py", "_peak", "len(counted) < 2", "len(counted) <= 2"): _TWO_MARKS,
    ("trading/losses.py", "_peak", "len(counted) < 2", "len(counted) < 3"): _TWO_MARKS,
    ("trading/fills.py", "walk", "break", "continue"): (
        "a book is best first: no level after one beyond the limit is within it, and of none left"
        " nothing is taken"
    ),
    ("trading/killswitch.py", "stricter", _ORDER % (1, 2), _ORDER % (2, 2)): (
        "a trigger has a level of at least 1, DISARMED has 0: the level tells them apart, too"
    ),
    (
        "trading/killswitch.py",
        "stricter",
        _ORDER % (1, 2),
        _ORDER % (1, 3),
    ): "above 1 it is the highest, whatever it is",
    ("app/stop.py", "_stands", "return 0", "return None"): _TRUTH,
    ("trading/account.py", "deposit", "amount > 0", "amount >= 0"): "0 is refused just before",
    ("trading/lots.py", "fifo", "moved.shares > 0", "moved.shares >= 0"): (
        "a line that moves no shares is not looked at"
    ),
}
