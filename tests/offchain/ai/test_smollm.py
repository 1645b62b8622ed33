"""SmolLM2: its template is the one in its own file, and it stops where it is told to."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from offchain.ai.installed import SMOLLM, package_file
from tests.offchain.ai.conftest import ROOT
from tests.offchain.ai.smollm_script import PERSONA


@pytest.fixture(scope="module")
def told(models: None) -> Any:
    """What `smollm_script` prints, in its order."""
    command = [sys.executable, "-m", "tests.offchain.ai.smollm_script"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_file_has_the_template_that_the_prompts_below_follow(models: None) -> None:
    content = package_file(SMOLLM).read_bytes()
    at = content.index(key := b"tokenizer.chat_template") + len(key) + 4  # a u32 of its type, a u64 of its length
    length = int.from_bytes(content[at : at + 8], "little")
    assert content[at + 8 : at + 8 + length].decode() == (
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
        "{{ '<|im_start|>system\n" + PERSONA + "<|im_end|>\n' }}{% endif %}"
        "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )


def test_a_chat_is_the_completion_of_its_prompt(told: Any) -> None:
    assert told[0] == told[1] and told[0]["usage"]["completion_tokens"] == 8
    assert told[2] == told[3]


def test_it_stops_before_a_stop_word(told: Any) -> None:
    assert "three" in told[4]["text"] and "four" not in told[4]["text"]
    assert told[4]["finish"] == "stop"


def test_it_answers_in_json_where_that_is_asked(told: Any) -> None:
    assert told[5]["finish"] == "length" or isinstance(json.loads(told[5]["text"]), dict)
    assert told[5]["text"].lstrip().startswith("{")


def test_control_tokens_in_a_text_are_text(told: Any) -> None:
    assert told[7]["usage"]["prompt_tokens"] > told[6]["usage"]["prompt_tokens"] + 1
