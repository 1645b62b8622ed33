"""`fathom agent`: from an idea to an agent that answers."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import trio
import typer

from offchain.authoring.errors import BadCase
from offchain.authoring.one_line import fail, one_line
from offchain.authoring.project import TEMPLATES, create, load
from offchain.cache import user_cache

if TYPE_CHECKING:
    from offchain.authoring.local import LocalAnswer

app = typer.Typer(
    name="agent",
    help="Write agents: scripts that answer HTTP requests on attested workers.\n\n"
    "fathom agent new weather && cd weather && npm install && fathom agent deploy --suri //Alice",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Directory = Annotated[Path, typer.Argument(help="The project.", show_default="here")]
Url = Annotated[str, typer.Option(help="WebSocket of a node.", envvar="FATHOM_URL")]
Gateway = Annotated[str, typer.Option(help="A gateway's URL.", envvar="FATHOM_GATEWAY")]
AllowPrivate = Annotated[
    bool, typer.Option("--allow-private-network", help="Let the script reach this machine and private networks.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]
HERE, NODE_URL, GATEWAY_URL = Path(), "ws://127.0.0.1:9944", "http://127.0.0.1:8000"


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="What the agent is called: lower-case letters, digits and dashes.")],
    template: Annotated[str, typer.Option(help=f"One of {', '.join(TEMPLATES)}.")] = TEMPLATES[0],
    directory: Annotated[
        Path | None, typer.Option(help="Where it goes.", show_default="a directory of its name")
    ] = None,
) -> None:
    """Make a project from a template.

    [bold]Example[/bold]

    fathom agent new weather --template hono
    """
    if template not in TEMPLATES:
        fail(f"there is no template {template!r}: take one of {', '.join(TEMPLATES)}")
    target = directory or Path(name)
    with one_line():
        made = create(target, name, template)
    for path in made:
        print(path)


@app.command()
def build(
    directory: Directory = HERE,
    out: Annotated[Path | None, typer.Option(help="Where the bundle goes.", show_default="dist/index.js")] = None,
    minify: Annotated[bool, typer.Option(help="Leave out what the engine doesn't need.")] = True,
) -> None:
    """Bundle a project into one script.

    [bold]Example[/bold]

    fathom agent build --no-minify
    """
    from offchain.authoring.bundle import bundle
    from pallets.primitives.hashing import blake2_256

    with one_line():
        project = load(directory)
        code = bundle(project, minify=minify)
        target = out or project.bundle
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(code)
    print(f"{target}  {len(code)} bytes  0x{blake2_256(code).hex()}")


@app.command()
def run(
    directory: Directory = HERE,
    path: Annotated[str, typer.Option(help="Path and query.")] = "/",
    method: Annotated[str | None, typer.Option("-X", "--method", help="GET, POST, PATCH or PUT.")] = None,
    data: Annotated[str, typer.Option("-d", "--data", help="The body.")] = "",
    secret: Annotated[str | None, typer.Option(help="JSON that the script gets as `secret`.")] = None,
    allow_private: AllowPrivate = False,
) -> None:
    """Run a project's agent once on this machine, as a worker would; gas and log go to stderr.

    [bold]Example[/bold]

    fathom agent run --path '/?name=Ada'
    """
    from offchain.authoring.bundle import bundle
    from pallets.primitives.http import HttpRequest

    with one_line():
        project = load(directory)
        code = bundle(project)
        name, _, query = path.partition("?")
        request = HttpRequest((method or ("POST" if data else "GET")).upper(), name, query, [], data.encode())
        told = None if secret is None else _secret(secret)
        answer = trio.run(partial(_run, code, request, told, project.hosts, allow_private))
    for line in answer.logs:
        print(line, file=sys.stderr)
    print(f"{answer.response.status}  gas {answer.gas}", file=sys.stderr)
    text = answer.response.body.decode("utf-8", "replace")
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    if answer.response.status >= 400:
        raise SystemExit(1)


@app.command()
def test(
    directory: Directory = HERE,
    allow_private: AllowPrivate = False,
    as_json: AsJson = False,
) -> None:
    """Run the test cases of a project: `tests/*.json`, see docs/agents.md; exit code 1 where one fails.

    [bold]Example[/bold]

    fathom agent test
    """
    from offchain.authoring.bundle import bundle
    from offchain.authoring.cases import failures, read_cases

    with one_line():
        project = load(directory)
        cases = read_cases(project.cases)
        answers = trio.run(partial(_run_cases, bundle(project), cases, project.hosts, allow_private))
    failed = 0
    for case, answer in zip(cases, answers, strict=True):
        wrong = failures(case, answer)
        failed += bool(wrong)
        if not as_json:
            print(f"{'✗' if wrong else '✓'} {case.name}  (gas {answer.gas})")
            for line in [*wrong, *(answer.logs if wrong else ())]:
                print(f"    {line}")
    if as_json:
        print(json.dumps({"cases": len(cases), "failed": failed, "gas": [answer.gas for answer in answers]}))
    elif not cases:
        print(f"there are no cases in {project.cases}")
    if failed:
        raise SystemExit(1)


@app.command()
def deploy(
    directory: Directory = HERE,
    suri: Annotated[str, typer.Option(help="Secret URI of the agent's owner.", envvar="FATHOM_SURI")] = "//Alice",
    url: Url = NODE_URL,
    gateway: Gateway = GATEWAY_URL,
    as_json: AsJson = False,
) -> None:
    """Bundle a project, and make the bundle the script of the agent of its name.

    [bold]Example[/bold]

    fathom agent deploy --suri //Alice
    """
    from offchain.authoring.bundle import bundle

    with one_line():
        project = load(directory)
        code = bundle(project)
        deployed = trio.run(partial(_deploy, url, suri, project.name, code, project.hosts))
    found = {
        "agent": deployed.agent,
        "name": project.name,
        "code": f"0x{deployed.code.hex()}",
        "url": f"{gateway.rstrip('/')}/agents/{project.name}/",
        "changed": deployed.changed,
    }
    if as_json:
        print(json.dumps(found))
    else:
        unchanged = "" if deployed.changed else "  (as it was)"
        print(f"agent {found['agent']}  {found['name']}  code {found['code']}{unchanged}")
        print(found["url"])


@app.command()
def call(
    agent: Annotated[str, typer.Argument(help="Name or number of the agent.")],
    path: Annotated[str, typer.Argument(help="Path and query.")] = "/",
    method: Annotated[str | None, typer.Option("-X", "--method", help="GET, POST, PATCH or PUT.")] = None,
    data: Annotated[str | None, typer.Option("-d", "--data", help="The body; `@FILE` reads it.")] = None,
    header: Annotated[list[str] | None, typer.Option("-H", "--header", help="`name: value`.")] = None,
    voucher: Annotated[
        str | None, typer.Option(metavar="HEX", help="Pay by this voucher: what `fathom channel voucher` prints.")
    ] = None,
    gateway: Gateway = GATEWAY_URL,
    as_json: AsJson = False,
) -> None:
    """Ask an agent, and print its answer; the receipt's id goes to stderr.

    [bold]Example[/bold]

    fathom agent call weather '/?name=Ada'
    """
    from offchain.authoring.calls import VOUCHER, ask

    with one_line():
        paying = [] if voucher is None else [f"{VOUCHER}: {voucher}"]
        answer = ask(gateway, agent, path, method, data, [*(header or []), *paying])
    if as_json:
        print(json.dumps({"status": answer.status, "headers": answer.headers, "body": answer.text}))
    else:
        print(f"{answer.status}  receipt {answer.receipt or 'none'}", file=sys.stderr)
        sys.stdout.write(answer.text if answer.text.endswith("\n") else f"{answer.text}\n")
    if answer.status >= 400:
        raise SystemExit(1)


@app.command()
def logs(
    agent: Annotated[str, typer.Argument(help="Name or number of the agent.")],
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on, as lines come.")] = False,
    gateway: Gateway = GATEWAY_URL,
) -> None:
    """Print what an agent's requests have logged, the newest first; with `-f` as they come.

    [bold]Example[/bold]

    fathom agent logs weather -f
    """
    from offchain.authoring.calls import log_lines

    with one_line():
        try:
            for line in log_lines(gateway, agent, follow=follow):
                print(line, flush=True)
        except KeyboardInterrupt:
            raise SystemExit(0) from None


async def _deploy(url: str, suri: str, name: str, code: bytes, hosts: tuple[str, ...] | None) -> Any:
    from node.web import connect_websocket
    from offchain.authoring.deployment import deploy as send
    from offchain.chain import Chain
    from offchain.rpc import Client
    from pallets.primitives.keys import Keypair

    owner = Keypair.from_suri(suri)
    async with trio.open_nursery() as nursery:
        client = Client(partial(connect_websocket, url), url)
        await nursery.start(client.run)
        deployed = await send(await Chain.open(client), owner, name, code, hosts)
        nursery.cancel_scope.cancel()
    return deployed


async def _run(code: bytes, request: Any, secret: Any, hosts: tuple[str, ...] | None, allow_private: bool) -> Any:
    from offchain.authoring.local import open_agent

    async with open_agent(code, hosts=hosts, allow_private=allow_private, cache=user_cache()) as agent:
        return await agent.ask(request, now_ms=_now_ms(), secret=secret)


async def _run_cases(
    code: bytes, cases: list[Any], hosts: tuple[str, ...] | None, allow_private: bool
) -> list[LocalAnswer]:
    from offchain.authoring.local import open_agent

    async with open_agent(code, hosts=hosts, allow_private=allow_private, cache=user_cache()) as agent:
        return [
            await agent.ask(case.request, now_ms=_now_ms(), secret=case.secret, virtual=case.virtual) for case in cases
        ]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _secret(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadCase(f"--secret is no JSON: {error}") from None
