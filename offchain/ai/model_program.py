"""The program of a model's process: `python -m offchain.ai.model_program chat|embed`, started by `model_process`.

It loads one model, gives up what a process can give up, says which weights it has, and then answers requests from its
standard input on its standard output, one after the other, until the input ends. Both are JSON objects, one a line:

    {"id": 1, "request": {…}}   {"cancel": 1}                          to the program
    {"ready": "0x…"}            {"failed": "why"}                      from it, first
    {"id": 1, "part": {…}} …    {"id": 1, "end": {…}}                  an answer; or its end is
                                {"id": 1, "refused": {message, param, code}}

Between two parts it looks whether the request has been cancelled; that answer ends early.

Out of scope
    Namespaces and system-call filters, as in the sandbox's slot.
"""

from __future__ import annotations

import hashlib
import os
import resource
import select
import sys

import orjson

from offchain.ai.local_model import LocalModel, Refused
from offchain.ai.provider import JsonObject

CHAT, EMBED = "chat", "embed"
MEMORY = 2 << 30
"""What a model may take for data, in bytes; ample for weights of 100 MB, and little enough to spare the machine."""
_READ = 1 << 16


def main() -> None:
    """Serve requests until standard input ends."""
    output = os.dup(sys.stdout.fileno())
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())  # nothing but lines of this protocol may reach the parent
    try:
        model = _load(sys.argv[1])
        _touch_everything(model, sys.argv[1])
        weights = hashlib.blake2b(model.weights.read_bytes(), digest_size=32).hexdigest()
    except Exception as error:
        _send(output, {"failed": f"{type(error).__name__}: {error}"})
        os._exit(1)
    os.dup2(nowhere, sys.stderr.fileno())  # where standard error is a file, no byte may be written to it from here on
    _give_up_rights()
    _send(output, {"ready": f"0x{weights}"})
    _serve(model, _Lines(sys.stdin.fileno()), output)
    os._exit(0)  # llama.cpp's threads have nothing to say any more


def _load(name: str) -> LocalModel:
    if name == CHAT:
        from offchain.ai.smollm import SmolLM

        return SmolLM()
    from offchain.ai.minilm import MiniLM

    return MiniLM()


def _touch_everything(model: LocalModel, name: str) -> None:
    """One short answer, so that all is loaded before no more files may be opened."""
    question = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    model.answer(question if name == CHAT else {"texts": ["Hi"]}, lambda part: False)


def _give_up_rights() -> None:
    ceilings = {
        resource.RLIMIT_NOFILE: 0,  # what is open stays open
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
    }
    if sys.platform == "linux":  # elsewhere it counts what can't be helped
        ceilings[resource.RLIMIT_DATA] = MEMORY
    for kind, ceiling in ceilings.items():
        resource.setrlimit(kind, (ceiling, ceiling))


def _serve(model: LocalModel, lines: _Lines, output: int) -> None:
    while (line := lines.next()) is not None:
        asked = orjson.loads(line)
        if "request" in asked:  # else a cancel that came too late
            _send(output, _answer(model, asked["id"], asked["request"], lines, output))


def _answer(model: LocalModel, number: int, request: JsonObject, lines: _Lines, output: int) -> JsonObject:
    """Send the parts of an answer; its last line."""

    def emit(part: JsonObject) -> bool:
        _send(output, {"id": number, "part": part})
        return lines.cancelled(number)

    try:
        return {"id": number, "end": model.answer(request, emit)}
    except Refused as refusal:
        told = {"message": str(refusal), "param": refusal.param, "code": refusal.code}
        return {"id": number, "refused": told}


def _send(output: int, message: JsonObject) -> None:
    line = orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE)
    while line:
        line = line[os.write(output, line) :]


class _Lines:
    """Standard input by lines, waited for or merely looked at."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = bytearray()

    def next(self) -> bytes | None:
        """The next line, None at the end of the input."""
        while (end := self._buffer.find(b"\n")) < 0:
            if not self._read():
                return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def cancelled(self, number: int) -> bool:
        """Whether a request that is being answered has been cancelled. Ends the process if the parent is gone."""
        while select.select([self._descriptor], [], [], 0)[0]:
            if not self._read():
                os._exit(0)
        return any(orjson.loads(line).get("cancel") == number for line in self._buffer.split(b"\n")[:-1])

    def _read(self) -> bool:
        content = os.read(self._descriptor, _READ)
        self._buffer += content
        return bool(content)


if __name__ == "__main__":
    main()
