"""`fathom devdo`: code help from a terminal, by the agent DevDo at a gateway.

Fixes are shown as a diff and asked about before a file is written. What the agent has checked or run says so; what a
model has said is marked. Exit code 0: all is well; 1: something is wrong with the code, or nothing could be done;
2: the command can't be understood.

## Out of scope

What DevDo does: `offchain/agents/devdo/README.md`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from node.exit import fail
from offchain.authoring.calls import CallAnswer, ask
from offchain.authoring.errors import CallFailed
from offchain.authoring.one_line import one_line
from offchain.authoring.options import AsJson

app = typer.Typer(
    name="devdo",
    help="Explain, fix, test and generate code, by the agent DevDo.\n\nfathom devdo fix cart.js --write",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

File = Annotated[Path, typer.Argument(help="The source; JavaScript, or Python by its ending .py.")]
Tests = Annotated[
    Path | None,
    typer.Option(help='A JSON list of tests to run: [{"call": "add", "args": [1, 2], "expect": 3}]; JavaScript only.'),
]
Gateway = Annotated[str, typer.Option(help="A gateway's URL.", envvar="FATHOM_GATEWAY")]
AgentName = Annotated[str, typer.Option("--agent", help="Name or number of the agent.")]
GATEWAY_URL, AGENT = "http://127.0.0.1:8000", "devdo"


@app.command()
def explain(file: File, gateway: Gateway = GATEWAY_URL, agent: AgentName = AGENT, as_json: AsJson = False) -> None:
    """Say what a file has in it and what is wrong with it; exit code 1 where an error is.

    [bold]Example[/bold]

    fathom devdo explain cart.js
    """
    told, receipt = _asked(gateway, agent, "explain", _source(file))
    if as_json:
        _print_json(told, receipt)
    else:
        for each in told["functions"]:
            does = ", ".join(each.get("does", {}).get("does", []))
            print(f"{each['line']}: {each['name']}({', '.join(each['params'])})  {does}".rstrip())
        _print_problems(file, told["problems"])
        if told["model"]:
            print(f"\n{told['model']['model']} says: {told['model']['text']}")
        _print_receipt(receipt)
    if any(each["severity"] == "error" for each in told["problems"]):
        raise SystemExit(1)


@app.command()
def fix(
    file: File,
    tests: Tests = None,
    write: Annotated[bool, typer.Option("--write", help="Write the file, once you have said yes.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    gateway: Gateway = GATEWAY_URL,
    agent: AgentName = AGENT,
    as_json: AsJson = False,
) -> None:
    """Show a diff that mends a file; exit code 1 where an error is left, or tests fail.

    [bold]Example[/bold]

    fathom devdo fix cart.js --tests cart.tests.json --write
    """
    source = _source(file)
    told, receipt = _asked(gateway, agent, "fix", source | _tests(tests))
    changed = told["code"] != source["code"]
    if as_json:
        _print_json(told, receipt)
    else:
        _print_diff(told["diff"])
        if not changed:
            print("nothing that could be mended")
        _print_problems(file, told["problems"])
        _print_verified(told)
        _print_receipt(receipt)
    if write and changed:
        if not yes and not typer.confirm(f"Write {file}?", err=True):
            raise SystemExit(1)
        if file.read_text() != source["code"]:
            fail(f"{file} has changed meanwhile, and is left as it is: run the command again")
        file.write_text(told["code"])
    if told["verified"] is False or any(each["severity"] == "error" for each in told["problems"]):
        raise SystemExit(1)


@app.command()
def test(
    file: File, tests: Tests = None, gateway: Gateway = GATEWAY_URL, agent: AgentName = AGENT, as_json: AsJson = False
) -> None:
    """Run tests against a file, or print a file of tests that it passes now; exit code 1 where one fails.

    [bold]Example[/bold]

    fathom devdo test cart.js > cart.test.js
    """
    told, receipt = _asked(gateway, agent, "test", _source(file) | _tests(tests))
    if as_json:
        _print_json(told, receipt)
    elif "skeleton" in told:
        print(told["skeleton"], end="")
        _print_receipt(receipt)
    else:
        _print_verified(told)
        _print_receipt(receipt)
    if told["verified"] is False:
        raise SystemExit(1)


@app.command()
def generate(
    prompt: Annotated[str, typer.Argument(help="What is wanted.")],
    language: Annotated[str, typer.Option(help="javascript or python.")] = "javascript",
    tests: Tests = None,
    gateway: Gateway = GATEWAY_URL,
    agent: AgentName = AGENT,
    as_json: AsJson = False,
) -> None:
    """Print code that a model has written; exit code 1 without a model, or where tests fail.

    [bold]Example[/bold]

    fathom devdo generate "a function that adds two numbers" --tests add.tests.json
    """
    told, receipt = _asked(gateway, agent, "generate", {"prompt": prompt, "language": language} | _tests(tests))
    if as_json:
        _print_json(told, receipt)
    else:
        print(told["code"], end="")
        print(f"by {told['model'] or 'nobody: the worker has no model'}, unchecked", file=sys.stderr)
        _print_verified(told)
        _print_receipt(receipt)
    if not told["code"] or told["verified"] is False:
        raise SystemExit(1)


def _source(file: Path) -> dict[str, Any]:
    try:
        code = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file} can't be read: {error}")
    return {"code": code, "language": "python" if file.suffix == ".py" else "javascript"}


def _tests(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return {"tests": json.loads(file.read_text())}
    except (OSError, ValueError) as error:
        fail(f"{file} is no JSON list of tests: {error}")


def _asked(gateway: str, agent: str, path: str, body: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    with one_line():
        answer: CallAnswer = ask(gateway, agent, path, "POST", json.dumps(body), [])
        try:
            told = json.loads(answer.text)
        except ValueError:
            raise CallFailed(f"{agent} answers {answer.status}, and no JSON: is it DevDo?") from None
        if answer.status != 200 or not isinstance(told, dict):
            raise CallFailed(f"{agent}: {told.get('message', answer.text) if isinstance(told, dict) else answer.text}")
    return told, answer.receipt


def _print_json(told: dict[str, Any], receipt: str | None) -> None:
    print(json.dumps(told | {"receipt": receipt}))


def _print_problems(file: Path, problems: list[dict[str, Any]]) -> None:
    for each in problems:
        print(f"{file}:{each['line']}:{each['column']}: {each['severity']}: {_shown(each['message'])} [{each['rule']}]")


def _print_diff(text: str) -> None:
    if not sys.stdout.isatty():
        print(_shown(text), end="")
        return
    from rich.console import Console
    from rich.syntax import Syntax

    Console().print(Syntax(_shown(text), "diff", background_color="default"))


def _print_verified(told: dict[str, Any]) -> None:
    for each in told.get("results", []):
        why = each.get("error") or f"gives {json.dumps(each.get('got'))}"
        print(
            f"{'✓' if each['passed'] else '✗'} {each['call']}{'' if each['passed'] else f': {_shown(why)}'}",
            file=sys.stderr,
        )


def _print_receipt(receipt: str | None) -> None:
    print(f"receipt {receipt or 'none'}", file=sys.stderr)


def _shown(text: str) -> str:
    """Text of an agent's without what would command a terminal."""
    return "".join(each if each in "\n\t" or each.isprintable() else "�" for each in text)
