"""What every HTML page is made of: the style, tables, paragraphs."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c1e21; max-width: 1280px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em }
table { border-collapse: collapse; font-size: .88em } .wide { overflow-x: auto }
th, td { padding: .25em .7em; text-align: right; border-bottom: 1px solid #dfe2e6; white-space: nowrap }
th { font-weight: 600 } .left { text-align: left } .failure { color: #b3261e }
td.left { white-space: normal; overflow-wrap: break-word; min-width: 3.5em; max-width: 28em }
svg { display: block } rect { fill: #dce6f5 } circle { fill: #2b63b8; fill-opacity: .45 } line { stroke: #12336b }
p { max-width: 75ch } .small { color: #555a61; font-size: .9em }
"""


def table(head: Iterable[str], body: Iterable[Iterable[str]]) -> str:
    rows = "".join(f"<tr>{''.join(row)}</tr>" for row in body)
    return f'<div class="wide"><table><thead><tr>{"".join(head)}</tr></thead><tbody>{rows}</tbody></table></div>'


def cells(tag: str, texts: Iterable[str], kind: str = "") -> list[str]:
    return [f'<{tag} class="{kind}">{escape(text)}</{tag}>' for text in texts]


def paragraph(text: str) -> str:
    return f'<p class="small">{escape(text)}</p>'
