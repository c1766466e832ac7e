"""How the page of a backtest looks, light and dark."""

STYLE = """
:root{--ink:#1c2024;--quiet:#60646c;--paper:#fcfcfd;--line:#d9d9e0;--own:#0b68cb;--mid:#b4690e;
--gain:#2b7a4b;--loss:#c62a2f;--warn:#fff4d5}
@media (prefers-color-scheme:dark){:root{--ink:#edeef0;--quiet:#b0b4ba;--paper:#111113;
--line:#363a3f;--own:#70b8ff;--mid:#ffb454;--gain:#4cc38a;--loss:#ff9592;--warn:#302008}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1100px;margin:0 auto;padding:20px 16px 60px}
h1{font-size:1.5rem;margin:.2em 0 .4em}
h2{font-size:1.05rem;margin:1.8em 0 .5em}
.verdict{font-size:1.1rem;margin:.3em 0 .8em}
.warn{background:var(--warn);padding:.5em .8em;border-radius:6px;margin:.5em 0}
.quiet{color:var(--quiet);margin:.3em 0}
dl{display:grid;grid-template-columns:minmax(7em,max-content) 1fr;gap:.15em 1em;margin:.6em 0}
dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:.3em .7em;text-align:left;border-bottom:1px solid var(--line);vertical-align:top;
max-width:26em;overflow-wrap:break-word}
th{color:var(--quiet);font-weight:600;white-space:nowrap}
td.number{text-align:right;white-space:nowrap}
svg{display:block;width:100%;height:auto;max-width:900px;font-size:12px;fill:var(--quiet)}
svg path{fill:none;stroke-width:1.6}
svg .grid{stroke:var(--line);stroke-width:1}svg .axis{stroke:var(--quiet);stroke-width:1}
svg .own{stroke:var(--own);stroke-width:2}
svg .mid{stroke:var(--mid);stroke-dasharray:5 4}
svg .fall{stroke:var(--loss)}svg .under{fill:var(--loss);fill-opacity:.18;stroke:none}
svg .gain{fill:var(--gain)}svg .loss{fill:var(--loss)}
svg .name{text-anchor:end}
@media (max-width:600px){svg{font-size:17px}svg .grid{stroke-width:1.5}
dl{grid-template-columns:1fr}dt{margin-top:.4em}}
@media print{.wide{overflow:visible}}
"""
