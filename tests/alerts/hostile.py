"""Titles as nobody should write them, and some that people do."""

import itertools

WORDS = ("<b>x</b>", "<script>alert(1)</script>", "*bold*", "_it_", "`code`", "```block```", "~s~")
LINKS = ("[click](https://evil.example)", "<https://evil.example|bank>", "<@U123>", "<!channel>")
CALLS = ("/kill", "/pause now", "@everyone", "@here", "#general", "/kill@simulated_bot", "(/kill)")
UNSEEN = ("\u202eevil\u202c", "\u2066x\u2069", "\u200b", "\u200f", "\x00", "\x1b[31mred", "\ufeff")
BREAKS = ("a\r\nb", "a\u2028b", "a\tb", "\n\n\n\n", "\\", "\\*", "&amp;", "&lt;b&gt;", "\ud800")
SIGNS = ("💥" * 50, "🇩🇪", "Ünïcödé", "日本語", "עברית", "x" * 9000, "=cmd|' /C calc'!A0", "%s%n{0}")
BAITS = (*WORDS, *LINKS, *CALLS, *UNSEEN, *BREAKS, *SIGNS)
TITLES = tuple(
    f"{first} Will it {second} happen?"
    for first, second in itertools.islice(itertools.product(BAITS, ("", *CALLS)), 0, None, 2)
)
