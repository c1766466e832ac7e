# ruff: noqa: E501  # one line holds as many as it may
"""Texts as a stranger would write them who wants more than to be read."""

from itertools import product

TERMINAL = (
    "\x1b[31mred\x1b[0m", "\x1b[2J\x1b[H", "\x1b]0;title\x07", "\x1b]8;;https://evil.example\x1b\\go\x1b]8;;\x1b\\",
    "\x1b]52;c;cm0gLXJm\x07", "\x9b31mred", "\x9d0;t\x9c", "\x1bP+q\x1b\\", "\x1b[?1049h", "\x1bc", "\x07\x07", "\x08\x08\x08",
    "\x7f\x7f", "\x0e\x0f", "\x1b[6n", "\x1b_evil\x1b\\", "\x1b^evil\x1b\\", "\x05", "\x90q", "\x84",
)  # fmt: skip
LINES = (
    "a\r\nlevel: critical", "a\nb", "a\rb", "a\u2028b", "a\u2029b", "a\x85b", "a\x0bb", "a\x0cb",
    '"}\n{"level":"critical","event":"forged"}', "\r\n\r\nHTTP/1.1 200 OK", "a\x1cb\x1db\x1eb",
)  # fmt: skip
UNSEEN = (
    "\u202egnp.exe", "\u2066x\u2069", "\u200b\u200c\u200d", "\u200f\u200e", "\ufeff", "\u2060", "\u00ad", "\U000e0041\U000e007f",
    "\u061c", "\u180e", "\ue000", "\U000f0000", "\u115f\u1160\u3164\uffa0", "\ufff9a\ufffab\ufffb", "\u0301" * 200,
    "\x00", "a\x00b",
)  # fmt: skip
MARKUP = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td></table><script>1</script>", "<svg/onload=alert(1)>",
    '"><script>alert(1)</script>', "'><b>", "<!--", "-->", "]]>", "</style><script>1</script>", "</title><script>1</script>",
    "<iframe src=javascript:1>", "&lt;script&gt;", "&#60;script&#62;", "javascript:alert(1)", "<a href='data:text/html,x'>",
    "<b>bold</b>", "[bold red]x[/]", "[link=https://evil.example]x[/link]", "**b** __i__ `c` ~~s~~", "[x](https://evil.example)",
    "<@U123> <!channel> @everyone", "/kill@bot", "{{7*7}}", "${7*7}", "%s%n%(x)s{0}{0.__class__}",
)  # fmt: skip
FORMULAS = (
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", '=HYPERLINK("https://evil.example","x")', "\t=1+1", "\r=1+1", "\n=1+1",
    " =1+1", "   @x", "\u00a0=1", "\u3000=1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20SUM(A1)", "\u200b=1+1", "\ufeff=1+1", "\u202e=1",
    "\x00=1", "\x0b=1", "\x0c=1", "\x85=1", "-2+3+cmd|' /C calc'!A0", "=1;2", "=1,2", "-", "+", "=", "@", "--1", "-1e5x", "-0x10", "-1.5%",
    "+49 30 1234", '="a"', '=WEBSERVICE("https://evil.example")', '=DDE("cmd";"x")', "@@x", "\u22121+1", "\ufe631", "\ufe621", "\ufe66x",
    "\ufe6bx", "\t\t@x", "\u2028=1", "\u2029=1", "\u2003=1", " \u200b =1",
)  # fmt: skip
OTHER = (
    "x" * 20_000, "\u65e5" * 5_000, "\ud800", "\udfff x", "\U0001f4a5" * 300, "'; DROP TABLE markets; --", '" OR 1=1 --',
    "../../etc/passwd", "$(reboot)", "`reboot`", "|| reboot", "a\\", "a\\\\'", "", " ", "NaN", "null",
)  # fmt: skip
BAITS = (*TERMINAL, *LINES, *UNSEEN, *MARKUP, *FORMULAS, *OTHER)
PAYLOADS = (
    *BAITS,
    *(f"{first} Will it {second} happen?" for first, second in product(TERMINAL, MARKUP[::6])),
)
