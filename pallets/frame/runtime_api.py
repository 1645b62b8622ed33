"""Functions of the runtime that the world outside calls: `state_call`, and the node itself.

```python
class AccountNonceApi(RuntimeApi, version=1):
    "The API to query account nonce."

    def account_nonce(self, account: AccountId) -> Nonce:
        "Get current account nonce of given `AccountId`."
        return self.runtime.system.account[account].nonce
```
Annotations are the wire: arguments arrive and results leave as SCALE. The wire name is `AccountNonceApi_account_nonce`,
and class and methods appear in the runtime version and in the metadata. Mirrors `sp_api::decl_runtime_apis!`.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from pallets.frame.runtime import MAX_ELEMENTS, Runtime, api_id
from pallets.primitives.annotations import tuple_type
from pallets.primitives.codec import Codec


class UnknownRuntimeApi(LookupError):
    """The runtime exports no function of that name."""


class ApiMethod(NamedTuple):
    """One function: parameter names and annotations, and the annotation of its result."""

    api: type[RuntimeApi]
    name: str
    params: tuple[tuple[str, Any], ...]
    output: Any
    doc: str

    @property
    def wire_name(self) -> str:
        return f"{self.api.__name__}_{self.name}"


class RuntimeApi:
    """Base of a runtime's APIs; public methods are its functions."""

    api_version: ClassVar[int]  # not `version`: `Core` has a function of that name
    runtime: Any

    def __init_subclass__(cls, version: int) -> None:
        cls.api_version = version

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    @classmethod
    def methods(cls) -> list[ApiMethod]:
        """The functions, in the order they are written."""
        return [method for name in vars(cls) if (method := cls.method(name)) is not None]

    @classmethod
    def method(cls, name: str) -> ApiMethod | None:
        """The function of that name, without the API's."""
        method = vars(cls).get(name)
        if not inspect.isfunction(method) or name.startswith("_"):
            return None
        hints = typing.get_type_hints(method, include_extras=True)
        output = hints.pop("return")
        return ApiMethod(cls, name, tuple(hints.items()), output, inspect.cleandoc(method.__doc__ or ""))


def api_versions(apis: tuple[type[RuntimeApi], ...]) -> list[tuple[bytes, int]]:
    """What `RuntimeVersion.apis` lists."""
    return [(api_id(api.__name__), api.api_version) for api in apis]


class ApiDispatcher:
    """Calls runtime APIs by wire name, on any instance of one runtime class."""

    def __init__(self, runtime: Runtime, apis: tuple[type[RuntimeApi], ...]) -> None:
        self._apis = {api.__name__: api for api in apis}
        self._codecs = runtime.codecs
        self._methods: dict[str, tuple[ApiMethod, Codec[Any], Codec[Any]]] = {}  # those called so far

    def call(self, runtime: Runtime, name: str, data: bytes) -> bytes:
        """The encoded result; raises `UnknownRuntimeApi`, and `DecodeError` for arguments that don't fit."""
        method, arguments, output = self._methods.get(name) or self._find(name)
        with runtime.codecs.budget.limited_to(MAX_ELEMENTS):
            given: tuple[Any, ...] = arguments.decode_all(data) or ()
        function: Callable[..., Any] = getattr(method.api(runtime), method.name)
        return output.encode(function(*given))

    def _find(self, wire_name: str) -> tuple[ApiMethod, Codec[Any], Codec[Any]]:
        api, _, name = wire_name.partition("_")
        method = self._apis[api].method(name) if api in self._apis else None
        if method is None:
            raise UnknownRuntimeApi(wire_name)
        arguments = self._codecs.of(tuple_type(tuple(kind for _, kind in method.params)))
        found = self._methods[wire_name] = method, arguments, self._codecs.of(method.output)
        return found
