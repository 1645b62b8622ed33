"""The gateway's front page: the agents that take requests, each linked to its own page.

Nothing on it runs: a policy allows its own style and nothing else. What the chain says of an agent is escaped, for its
name is whatever somebody paid for.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from offchain.gateway.agent_entry import AgentEntry

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "vary": "accept",
    "x-content-type-options": "nosniff",
}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fathom agents</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c }}
  table {{ border-collapse: collapse; width: 100% }} td, th {{ text-align: left; padding: .3rem .8rem .3rem 0 }}
  code {{ color: #666 }}
</style>
<h1>Agents</h1>
{agents}
<p>Each answers at its own path, with a receipt of the worker that ran it. The same list for programs:
<a href="/agents">/agents</a>; the workers: <a href="/health">/health</a>.</p>
</html>
"""
ROW = '<tr><td><a href="{path}">{name}</a></td><td>{id}</td><td>{terms}</td><td><code>{code}</code></td></tr>'
TABLE = "<table>\n<tr><th>name</th><th>number</th><th>calls</th><th>script</th></tr>\n{rows}\n</table>"


def accepts_page(accept: str) -> bool:
    """Whether who asks is a browser: it names HTML, which no program does by default."""
    return any(part.partition(";")[0].strip().lower() == "text/html" for part in accept.split(","))


def index_page(agents: Iterable[AgentEntry]) -> str:
    """The page's HTML."""
    rows = "\n".join(map(_row, agents))
    return PAGE.format(agents=TABLE.format(rows=rows) if rows else "<p>No agent takes requests yet.</p>")


def _row(agent: AgentEntry) -> str:
    terms = "free" if agent.access.is_open else "by voucher or pass"
    path = f"/agents/{quote(agent.name, safe='')}/"
    code = f"0x{agent.code.hex()[:8]}…"
    return ROW.format(path=escape(path), name=escape(agent.name), id=agent.id, terms=terms, code=code)
