"""`GET /metrics`, on a port of its own.

Only this machine's programs and pages are answered, unless it listens for others on purpose. As with Substrate, a port
that is taken costs the metrics and not the node: a second node of one machine needs no other flag.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

import trio

from node.config import PrometheusConfig
from node.metrics.exposition import CONTENT_TYPE, exposition
from node.metrics.families import NodeMetrics
from node.web.errors import CannotListen
from node.web.http import Request, Response, loopback_only
from node.web.limits import Limits
from node.web.server import open_listeners, serve

LIMITS = Limits(max_connections=16, max_request_size=0)

log = logging.getLogger("node.metrics")


async def serve_metrics(
    config: PrometheusConfig,
    metrics: NodeMetrics,
    *,
    task_status: trio.TaskStatus[int | None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves until cancelled; starts with the port, or with `None` where there is none to listen on, and ends."""
    try:
        listeners = await open_listeners(config.host, config.port)
    except CannotListen as error:
        log.warning("⚠️  no metrics are served: %s; choose another --prometheus-port", error)
        task_status.started(None)
        return
    allow: Callable[[Request], Response | None] = loopback_only
    if config.external:
        allow = _everybody
    await serve(listeners, http=partial(_answer, metrics), allow=allow, limits=LIMITS, task_status=task_status)


async def _answer(metrics: NodeMetrics, request: Request) -> Response:
    if request.path != "/metrics":
        return Response.text(404, "Not found.")
    if request.method != "GET":
        return Response.text(405, "GET /metrics is all there is", (("allow", "GET"),))
    text = exposition(metrics.families(), metrics.labels)
    return Response(200, (("content-type", CONTENT_TYPE),), text)


def _everybody(request: Request) -> Response | None:
    return None
