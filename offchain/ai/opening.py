"""From the operator's setting to a provider: `embedded`, `off`, or the URL of a server.

Usage
    async with open_provider("embedded") as provider:
        if provider is not None:
            virtual = {URL: partial(answer, provider)}

Errors
    `AiSettingError`, when it is opened.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from offchain.ai.api_key import ApiKey
from offchain.ai.installed import require_installed
from offchain.ai.provider import AiSettingError, Provider

EMBEDDED, OFF = "embedded", "off"
KEY_VARIABLE = "FATHOM_AI_KEY"

log = logging.getLogger("offchain.ai")


def usual_setting() -> str:
    """What a worker has whose operator says nothing: `embedded`, or, with a line in the log, `off` without models."""
    try:
        require_installed()
    except AiSettingError as error:
        log.warning("agents find no AI: %s", error)
        return OFF
    return EMBEDDED


@asynccontextmanager
async def open_provider(
    setting: str,
    *,
    key_file: Path | None = None,
    chat_model: str | None = None,
    embedding_model: str | None = None,
    early: bool = False,
) -> AsyncIterator[Provider | None]:
    """The provider that `setting` names, None for `off`.

    For a server: its key is in `key_file`, or else in the environment's `FATHOM_AI_KEY`, or it takes none; the two
    models stand in for those that requests name. For the embedded models: `early` loads them in the background instead
    of when they are first asked. Libraries are loaded only for what is opened.
    """
    if setting == OFF:
        yield None
    elif setting == EMBEDDED:
        from offchain.ai.embedded import open_embedded

        async with open_embedded(early=early) as embedded:
            yield embedded
    else:
        from offchain.ai.openai_compatible import open_openai_compatible

        async with open_openai_compatible(
            setting, _key(key_file), chat_model=chat_model, embedding_model=embedding_model
        ) as server:
            yield server


def _key(file: Path | None) -> ApiKey | None:
    if file is not None:
        return ApiKey.from_file(file)
    return ApiKey.from_environment(KEY_VARIABLE) if KEY_VARIABLE in os.environ else None
