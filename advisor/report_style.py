"""The report's style sheet: system fonts, light and dark, colours that colour-blind readers tell apart."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --soft: #5a6270; --grid: #dfe3e8;
  --card: #f5f7f9; --blue: #0072b2; --red: #d55e00; --green: #009e73; --purple: #cc79a7; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0e1117; --ink: #e6e9ee; --soft: #9aa4b2; --grid: #2a313c; --card: #171c25;
    --blue: #3d9bd6; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; line-height: 1.2; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
p { margin: .3rem 0 .7rem; max-width: 78ch; }
.badge { border: 2px solid var(--red); border-radius: 4px; padding: 1px 8px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(215px, 1fr)); gap: 12px;
  margin: 1.2rem 0; }
.tile { background: var(--card); border-radius: 8px; padding: 12px 14px; display: flex;
  flex-direction: column; }
.tile span, .tile small, footer { color: var(--soft); }
.tile b { font-size: 1.6rem; font-variant-numeric: tabular-nums; }
.proof { border-left: 5px solid var(--green); background: var(--card); border-radius: 0 8px 8px 0;
  padding: 4px 16px 12px; }
.proof.no { border-color: var(--red); }
.proof h2 { margin-top: .6rem; }
.proof td { font-family: ui-monospace, monospace; font-size: .82rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-weight: 600; }
th, td { padding: 4px 14px 4px 0; border-bottom: 1px solid var(--grid); vertical-align: top; }
.n { text-align: right; }
details { margin: .4rem 0; }
summary { cursor: pointer; color: var(--soft); }
details .scroll { max-height: 420px; overflow-y: auto; }
footer { margin-top: 2.5rem; font-size: .85rem; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .title { fill: var(--soft); }
.grid { stroke: var(--grid); stroke-width: 1; }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.paid { stroke: var(--blue); }
.baseline { stroke: var(--soft); stroke-dasharray: 7 5; }
.band { fill: var(--green); opacity: .35; }
.median { stroke: var(--green); stroke-width: 3; }
.interval { stroke: var(--blue); stroke-width: 4; stroke-linecap: round; opacity: .5; }
.dot { fill: var(--paper); stroke: var(--blue); stroke-width: 2.5; }
.dot.ran { fill: var(--blue); }
.run { fill: var(--blue); }
.lost { fill: url(#hatch); stroke: var(--red); }
.save { fill: var(--purple); }
.restore { fill: var(--green); }
.boot { fill: var(--soft); }
.waiting, .idle { fill: var(--grid); }
.kill { stroke: var(--red); stroke-width: 3; fill: none; }
.notice { fill: var(--red); stroke: var(--paper); }
.hatch { stroke: var(--red); stroke-width: 3; }
@media print { details { display: none; } }
"""
