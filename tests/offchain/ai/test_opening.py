"""From the operator's setting to a provider, its key, and the service that starts when it is asked."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from subprocess import PIPE

import pytest
import trio

from offchain.ai import installed
from offchain.ai.api_key import ApiKey
from offchain.ai.on_demand import service_on_demand
from offchain.ai.openai_compatible import OpenAiCompatible
from offchain.ai.opening import KEY_VARIABLE, open_provider
from offchain.ai.provider import AiSettingError, ModelIdentity


async def test_off_is_no_provider() -> None:
    async with open_provider("off") as provider:
        assert provider is None


async def test_models_that_are_not_installed(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    with pytest.raises(AiSettingError, match=r"aren't installed: xllamacpp, .* missing; `make dev` installs them"):
        async with open_provider("embedded"):
            pass
    async with service_on_demand() as setting:
        assert setting == "off"
    assert len(caplog.records) == 1 and "make dev" in caplog.text


async def test_a_service_whose_parent_is_gone_ends(models: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "offchain.ai", "--fd", str(listener.fileno())]
        process = await trio.lowlevel.open_process(command, stdin=PIPE, stdout=PIPE, pass_fds=[listener.fileno()])
        assert process.stdin is not None and process.stdout is not None
        assert (await process.stdout.receive_some()).startswith(b"Ready  http://127.0.0.1:")
        await process.stdin.aclose()
        assert await process.wait() == 0
        await process.stdout.aclose()


async def test_keys_come_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    file.write_text("sk-1\n")
    assert ApiKey.from_file(file).secret == "sk-1"
    assert repr(ApiKey("sk-1")) == "ApiKey(…)"
    with pytest.raises(AiSettingError, match="can't be read"):
        ApiKey.from_file(tmp_path / "none")
    file.write_text("two words")
    with pytest.raises(AiSettingError, match="one word"):
        ApiKey.from_file(file)
    monkeypatch.setenv(KEY_VARIABLE, " ")
    with pytest.raises(AiSettingError, match=KEY_VARIABLE):
        async with open_provider("https://example.com/v1"):
            pass
    monkeypatch.setenv(KEY_VARIABLE, "sk-2")
    async with open_provider("https://example.com/v1") as provider:
        assert isinstance(provider, OpenAiCompatible)


async def test_the_service_starts_with_the_first_question_and_ends_with_its_context(models: None) -> None:
    async with service_on_demand() as url, open_provider(url) as provider:
        assert provider is not None
        assert children() == []
        reply = await provider.embed({"model": "m", "input": "x"})
        assert reply.model is not None and reply.model.name == "all-MiniLM-L6-v2" and reply.model.weights
        (service,) = children()
    with pytest.raises(ProcessLookupError):
        os.kill(service, 0)


def test_an_identity_is_read_as_it_is_written() -> None:
    known = ModelIdentity("all-MiniLM-L6-v2", bytes(32))
    assert ModelIdentity.parse(str(known)) == known
    assert str(ModelIdentity("two words\r\n@x")) == "two_words___x"
    assert ModelIdentity.parse("x@0x12") == ModelIdentity("x@0x12")


def children() -> list[int]:
    """Process ids of the services that this process has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command, stat = (entry / "cmdline").read_bytes(), (entry / "stat").read_text()
        except OSError:
            continue
        if b"offchain.ai\0--fd" in command and int(stat.rpartition(")")[2].split()[1]) == os.getpid():
            found.append(int(entry.name))
    return found
