"""`fathom agent`: from an idea to an agent that answers."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import trio
import typer

from node.exit import fail
from offchain.authoring.errors import BadCase, BadTerms
from offchain.authoring.one_line import one_line
from offchain.authoring.options import NODE_URL, Agent, AsJson, Suri, Url, keypair
from offchain.authoring.orders_cli import app as orders
from offchain.authoring.project import TEMPLATES, create, load
from offchain.cache import user_cache
from offchain.crossings.cli import app as chains

if TYPE_CHECKING:
    from offchain.authoring.deployment import Deployed
    from offchain.authoring.local import LocalAnswer
    from offchain.described import Happened

app = typer.Typer(
    name="agent",
    help="Write agents: scripts that answer HTTP requests on attested workers.\n\n"
    "fathom agent new weather && cd weather && npm install && fathom agent deploy --suri //Alice",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(chains)
app.add_typer(orders)

Directory = Annotated[Path, typer.Argument(help="The project.", show_default="here")]
Gateway = Annotated[str, typer.Option(help="A gateway's URL.", envvar="FATHOM_GATEWAY")]
AllowPrivate = Annotated[
    bool, typer.Option("--allow-private-network", help="Let the script reach this machine and private networks.")
]
HERE, GATEWAY_URL = Path(), "http://127.0.0.1:8000"
FEE = 10**11
HOUR_MS, CALL_MS = 3_600_000, 600_000
"""The second: for how long a pass for one call is good."""


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
    suri: Suri = "//Alice",
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
        deployed = _deploy(url, suri, project.name, code, project.hosts)
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
def access(
    agent: Agent,
    call_price: Annotated[int | None, typer.Option(help="What a call costs who calls, beside its gas.", min=0)] = None,
    free_tokens: Annotated[
        int | None, typer.Option(help="Who has so much of its token locked for an epoch calls free.", min=1)
    ] = None,
    quota: Annotated[int | None, typer.Option(help="How often a minute each of these calls free.", min=1)] = None,
    suri: Suri = "//Alice",
    url: Url = NODE_URL,
    as_json: AsJson = False,
) -> None:
    """Say what calls over HTTP cost, and who calls free; without options, print it. Amounts are in smallest units.

    What isn't given is 0, or nobody; `--call-price 0` alone opens the agent to all. Once somebody has the agent's token
    its DAO decides: `fathom dao`.

    [bold]Example[/bold]

    fathom agent access weather --call-price 1000000 --free-tokens 100 --quota 10
    """
    from offchain.authoring.access import access_of, set_access
    from offchain.authoring.on_chain import on_chain
    from offchain.chain import Chain
    from pallets.primitives.service import AccessPolicy

    async def do(chain: Chain) -> AccessPolicy:
        if (call_price, free_tokens, quota) != (None, None, None):
            if (free_tokens is None) != (quota is None):
                raise BadTerms("--free-tokens and --quota go together: who calls free, and how often")
            wanted = AccessPolicy(call_price or 0, free_tokens, quota or 0)
            await set_access(chain, keypair(suri), agent, wanted)
        return await access_of(chain, agent)

    with one_line():
        found = on_chain(url, do)
    if as_json:
        print(json.dumps({"callPrice": found.call_price, "freeTokens": found.free_tokens, "quota": found.quota}))
    elif found.is_open:
        print(f"{agent} is open: a call costs its gas, which the agent's budget pays")
    else:
        print(f"a call of {agent} costs {found.call_price} and its gas, by voucher")
        if found.free_tokens is not None:
            print(f"free: {found.quota} calls a minute, with {found.free_tokens} of its token locked for an epoch")


@app.command("pass")
def make_pass(
    agent: Agent,
    hours: Annotated[int, typer.Option(help="For how long it is good.", min=1, max=23)] = 1,
    suri: Suri = "//Bob",
    url: Url = NODE_URL,
) -> None:
    """Sign a pass, and print what goes into the header `x-fathom-pass`: whoever has it calls as its account.

    [bold]Example[/bold]

    curl -H "x-fathom-pass: $(fathom agent pass weather --suri //Bob)" http://127.0.0.1:8000/agents/weather/
    """
    with one_line():
        print(_pass(url, suri, agent, hours * HOUR_MS))


@app.command()
def call(
    agent: Agent,
    path: Annotated[str, typer.Argument(help="Path and query.")] = "/",
    method: Annotated[str | None, typer.Option("-X", "--method", help="GET, POST, PATCH or PUT.")] = None,
    data: Annotated[str | None, typer.Option("-d", "--data", help="The body; `@FILE` reads it.")] = None,
    header: Annotated[list[str] | None, typer.Option("-H", "--header", help="`name: value`.")] = None,
    voucher: Annotated[
        str | None, typer.Option(metavar="HEX", help="Pay by this voucher: what `fathom channel voucher` prints.")
    ] = None,
    with_pass: Annotated[
        bool, typer.Option("--pass", help="Call free, by the tokens that the account of --suri has locked.")
    ] = False,
    suri: Suri = "//Bob",
    url: Url = NODE_URL,
    gateway: Gateway = GATEWAY_URL,
    as_json: AsJson = False,
) -> None:
    """Ask an agent, and print its answer; the receipt's id goes to stderr.

    [bold]Example[/bold]

    fathom agent call weather '/?name=Ada'
    """
    from offchain.authoring.calls import PASS, VOUCHER, ask

    if with_pass and voucher is not None:
        fail("a call is paid by --voucher or free by --pass: choose one")
    with one_line():
        paying = [] if voucher is None else [f"{VOUCHER}: {voucher}"]
        if with_pass:
            paying = [f"{PASS}: {_pass(url, suri, agent, CALL_MS)}"]
        answer = ask(gateway, agent, path, method, data, [*(header or []), *paying])
    if as_json:
        told = {"status": answer.status, "headers": answer.headers, "body": answer.text}
        print(json.dumps(told | {"receipt": answer.receipt, "broken": answer.broken}))
    else:
        print(f"{answer.status}  receipt {answer.receipt or 'none'}", file=sys.stderr)
        sys.stdout.write(answer.text if answer.text.endswith("\n") else f"{answer.text}\n")
    if answer.broken is not None:
        fail(f"the answer broke off: {answer.broken}; `fathom agent logs {agent}` says why, if the script failed")
    if answer.status >= 400:
        raise SystemExit(1)


@app.command()
def send(
    agent: Agent,
    path: Annotated[str, typer.Argument(help="Path and query.")] = "/",
    method: Annotated[str | None, typer.Option("-X", "--method", help="GET, POST, PATCH or PUT.")] = None,
    data: Annotated[str | None, typer.Option("-d", "--data", help="The body.")] = None,
    json_body: Annotated[str | None, typer.Option("--json-body", "--json", help="The body, as JSON.")] = None,
    max_fee: Annotated[int, typer.Option(help="What the run may cost, in the chain's smallest units.", min=1)] = FEE,
    mode: Annotated[
        Literal["deterministic", "recorded", "oracle"], typer.Option(help="What the script may ask of the outside.")
    ] = "deterministic",
    replicas: Annotated[int, typer.Option(help="How many workers run it: 1, 3, 5, 7 or 9.", min=1, max=9)] = 1,
    seconds: Annotated[int, typer.Option(help="How long it may take.", min=45, max=86_400)] = 60,
    suri: Suri = "//Bob",
    url: Url = NODE_URL,
) -> None:
    """Submit a request as a job, which may write to the chain, and print the answer; what was written goes to stderr.

    Exit code 1: the script failed, or what it left for the chain was refused.

    [bold]Example[/bold]

    fathom agent send guestbook /entries --json '{"text": "hello"}'
    """
    from offchain.authoring.on_chain import on_chain
    from offchain.authoring.sending import send as submit
    from pallets.primitives.http import HttpRequest
    from pallets.primitives.job import Mode

    if data is not None and json_body is not None:
        fail("a request has one body: give --data or --json")
    body = json_body if json_body is not None else data
    headers = [("content-type", "application/json")] if json_body is not None else []
    name, _, query = path.partition("?")
    verb = (method or ("GET" if body is None else "POST")).upper()
    request = HttpRequest(verb, f"/{name.lstrip('/')}", query, headers, (body or "").encode())
    terms: dict[str, Any] = {"mode": Mode[mode.capitalize()], "replicas": replicas, "fee": max_fee}
    with one_line():
        signer = keypair(suri)
        sent = on_chain(url, lambda chain: submit(chain, signer, agent, request, **terms, time=1000 * seconds))
    written, text = sent.written, sent.answer.body.decode("utf-8", "replace")
    print(f"job {sent.job}  gas {sent.gas}  fee {sent.fee}  {_words(written)}", file=sys.stderr)
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    if sent.failed or sent.answer.status >= 400 or (written is not None and written.name == "Refused"):
        raise SystemExit(1)


@app.command()
def logs(
    agent: Agent,
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


def _words(written: Happened | None) -> str:
    """What became of what a job left for the chain."""
    if written is None:
        return "nothing written"
    if written.name == "Refused":
        return f"NOTHING WRITTEN: {json.dumps(written.fields['error'], default=repr)}"
    return f"writes {written.fields['updates']}  actions {written.fields['actions']}"


def _deploy(url: str, suri: str, name: str, code: bytes, hosts: tuple[str, ...] | None) -> Deployed:
    from offchain.authoring.deployment import deploy
    from offchain.authoring.on_chain import on_chain

    owner = keypair(suri)
    return on_chain(url, lambda chain: deploy(chain, owner, name, code, hosts))


def _pass(url: str, suri: str, agent: str, milliseconds: int) -> str:
    from offchain.authoring.access import sign_pass
    from offchain.authoring.on_chain import on_chain

    caller = keypair(suri)
    return on_chain(url, lambda chain: sign_pass(chain, caller, agent, milliseconds, _now_ms()))


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
            await agent.ask(
                case.request, now_ms=_now_ms(), secret=case.secret, virtual=case.virtual, submitter=case.submitter
            )
            for case in cases
        ]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _secret(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadCase(f"--secret is no JSON: {error}") from None
