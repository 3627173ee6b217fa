#pragma once

#include <string_view>

namespace drover::report {

/// How the page looks, as CSS. Colours differ in lightness too, and lines in their dashes, so that nothing is said by
/// hue alone.
inline constexpr std::string_view kPageStyle = R"(
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #59636e; --line: #d0d7de; --panel: #f6f8fa;
  --blue: #0b5cad; --good: #116329; --bad: #b3261e; --c1: #8a4b00; --c2: #6639ba; --c3: #0f6b6b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --soft: #9aa4af; --line: #363d46;
  --panel: #161b22; --blue: #71b7ff; --good: #56d364; --bad: #ff8a80; --c1: #f0b35a; --c2: #c4a5ff; --c3: #5fd3d3; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 68rem; margin: 0 auto; padding: 1rem; }
h1, h2, h3 { line-height: 1.25; } h1 { margin: .5rem 0; } h2 { margin-top: 3rem; padding-bottom: .2rem; border-bottom: 1px solid var(--line); }
p { max-width: 46rem; } a { color: var(--blue); } small { color: var(--soft); font-size: .85em; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1rem; list-style: none; padding: .6rem .8rem; background: var(--panel); border-radius: 6px; }
.scroll { overflow-x: auto; margin: 1rem 0; } .scroll:focus-visible { outline: 2px solid var(--blue); }
table { border-collapse: collapse; font-size: .9rem; } caption { text-align: left; font-weight: 600; padding: .2rem .5rem .4rem 0; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; font-weight: 400; }
thead th { color: var(--soft); font-size: .85em; vertical-align: bottom; background: var(--panel); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .85em; overflow-wrap: anywhere; }
tbody th { min-width: 6.5em; overflow-wrap: break-word; } td:not(.number) { min-width: 5.5em; } td small, .together { white-space: nowrap; } td code { display: inline-block; min-width: 9em; }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line); border-radius: 6px; background: var(--panel); white-space: pre-wrap; }
.said { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; min-width: 14em; max-width: 30em; max-height: 16em; overflow-y: auto; }
.kept, .better { color: var(--good); } .worse { color: var(--bad); } .paper { white-space: nowrap; }
details { margin: .5rem 0; } summary { cursor: pointer; overflow-wrap: anywhere; padding: .2rem 0; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }
figure { margin: .5rem 0; max-width: 100%; } figcaption { margin-bottom: .3rem; }
svg { max-width: 100%; height: auto; vertical-align: middle; } svg.bar { max-width: none; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg .tick, svg .note { fill: var(--soft); font-size: 11px; } svg .strong { font-weight: 700; }
svg .axis { stroke: var(--line); } svg .span { stroke: var(--blue); stroke-width: 4; } svg .dot { fill: var(--blue); }
svg .curve { fill: none; stroke-width: 2; } svg .curve0 { stroke: var(--blue); } svg .curve1 { stroke: var(--c1); stroke-dasharray: 6 3; }
svg .curve2 { stroke: var(--c2); stroke-dasharray: 2 3; } svg .curve3 { stroke: var(--c3); stroke-dasharray: 9 3 2 3; }
svg .all { fill: var(--soft); opacity: .55; } svg .keptline { fill: none; stroke: var(--good); stroke-width: 2; }
svg .flow { fill: var(--blue); } svg .stream { fill: var(--blue); opacity: .12; }
svg .kin { fill: none; stroke: var(--soft); stroke-width: 1; opacity: .6; } svg .chosen { stroke: var(--good); stroke-width: 3; fill: var(--paper); }
.keys { list-style: none; margin: .2rem 0; padding: 0; font-size: .8rem; color: var(--soft); max-width: 340px; }
@media (max-width: 40rem) { body { padding: .7rem; font-size: 15px; } th, td { padding: .25rem .4rem; } .said { min-width: 11em; } }
@media print { :root { color-scheme: light; --ink: #000; --paper: #fff; --soft: #444; --line: #bbb; --panel: #fff; --blue: #0b5cad; --good: #116329; --bad: #b3261e; --c1: #8a4b00; --c2: #6639ba; --c3: #0f6b6b; }
  body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; } h2, h3, caption, summary { break-after: avoid; }
  figure, tr, .round h3 { break-inside: avoid; } .scroll { overflow: visible; } table { font-size: 8pt; width: 100%; } td code { min-width: 0; }
  .said { max-height: none; min-width: 0; } svg.bar { width: 90px; } details::details-content { content-visibility: visible; height: auto; } }
)";

}  // namespace drover::report
