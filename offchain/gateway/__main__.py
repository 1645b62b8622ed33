"""The command line of the gateway: `fathom gateway`, or `python -m offchain.gateway`.

It needs nothing of a worker's, and loads nothing of it.
"""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offchain.programs import run_program, set_up_logs

if TYPE_CHECKING:
    from offchain.gateway.service import RunningGateway

app = typer.Typer(
    name="gateway",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def gateway(
    url: Annotated[str, typer.Option(help="WebSocket of a node.")],
    port: Annotated[int, typer.Option(help="Where to listen; 0 picks a free port.", min=0, max=65535)] = 8000,
    listen_host: Annotated[
        str,
        typer.Option(help="Where to listen. Any other than loopback lets others reach agents, vault and logs."),
    ] = "127.0.0.1",
    suri: Annotated[
        str | None,
        typer.Option(
            envvar="FATHOM_GATEWAY_SURI",
            help="Secret URI of the ed25519 key that tickets are signed by; //Gateway on a development chain.",
            show_default="a key of the base path's",
        ),
    ] = None,
    base_path: Annotated[
        Path | None, typer.Option(help="Where keys, secrets and counts are kept; without it in memory alone.")
    ] = None,
    max_body: Annotated[
        int, typer.Option(help="Bytes of a request's body; more is answered 413.", min=1, max=4 << 20)
    ] = 1 << 20,
    max_requests: Annotated[
        int, typer.Option(help="Requests at once; the next one is answered 503.", min=1, max=4096)
    ] = 256,
    log: Annotated[str, typer.Option("-l", "--log", help="Log level: error, warning, info or debug.")] = "info",
    json_output: Annotated[bool, typer.Option("--json", help="Print the line on stdout as JSON, for scripts.")] = False,
) -> None:
    """Run a gateway: HTTP for those who call agents, against any node.

    [bold]Example[/bold]

    fathom gateway --url ws://127.0.0.1:9944 --port 8000
    """
    from offchain.gateway.asked import RequestLimits  # here: whoever lists this command doesn't pay for it
    from offchain.gateway.service import GatewayConfig, StartError, run_gateway

    set_up_logs(log)
    requests = RequestLimits(max_body=max_body, max_requests=max_requests)
    config = GatewayConfig(url, port, listen_host, suri, base_path, requests)
    run_program(partial(run_gateway, config), partial(_announce, json_output=json_output), StartError)


def _announce(running: RunningGateway, json_output: bool) -> None:
    if json_output:
        print(json.dumps({"gateway": running.url, "key": f"0x{running.key.hex()}", "pid": os.getpid()}), flush=True)
    else:
        print(f"Ready  gateway {running.url}  key 0x{running.key.hex()}", flush=True)


if __name__ == "__main__":
    app()
