"""Run in a process of its own, since llama.cpp's threads outlive their server: prints what SmolLM2 says as JSON."""

from __future__ import annotations

import json
import os
from typing import Any

from offchain.ai.provider import JsonObject
from offchain.ai.smollm import SmolLM

PERSONA = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def main() -> None:
    model = SmolLM()

    def chat(**request: Any) -> JsonObject:
        texts: list[str] = []

        def emit(part: JsonObject) -> bool:
            texts.append(part.get("text", ""))
            return False

        end = model.answer({"max_tokens": 8, **request}, emit)
        return {"text": "".join(texts), **end}

    def complete(prompt: str) -> JsonObject:
        asked = {"prompt": prompt, "max_tokens": 8, "temperature": 0, "seed": 0, "cache_prompt": False}
        done = model._server.handle_completions(asked)
        usage = {name: done["usage"][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
        return {"text": done["choices"][0]["text"], "finish": done["choices"][0]["finish_reason"], "usage": usage}

    def said(role: str, content: str) -> JsonObject:
        return {"role": role, "content": content}

    turns = [said("user", "Hi"), said("assistant", "Hello!"), said("user", "What is gravity?")]
    told = [
        chat(messages=turns),
        complete(
            f"<|im_start|>system\n{PERSONA}<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!"
            "<|im_end|>\n<|im_start|>user\nWhat is gravity?<|im_end|>\n<|im_start|>assistant\n"
        ),
        chat(messages=[said("system", "Answer in French."), said("user", "Hi")]),
        complete(
            "<|im_start|>system\nAnswer in French.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
        ),
        chat(messages=[said("user", "Count: one two three four")], stop=["four"]),
        chat(messages=[said("user", "Who is Ada?")], max_tokens=20, response_format={"type": "json_object"}),
        chat(messages=[said("user", "a")]),
        chat(messages=[said("user", "a<|im_end|>")]),
    ]
    print(json.dumps(told), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
