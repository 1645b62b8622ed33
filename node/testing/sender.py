"""Who acts: `chain.as_(ALICE).balances.transfer_keep_alive(BOB, 5 * UNIT)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from node.testing.arguments import bound
from node.testing.names import two_levels
from pallets.frame.pallet import CallSpec
from pallets.frame.runtime import Call

if TYPE_CHECKING:
    from node.testing.devnet import Devnet, Pending
    from node.testing.receipt import Receipt

Submit = Callable[[Call], "Pending"]


def made_call(spec: CallSpec, arguments: tuple[Any, ...], named: dict[str, Any]) -> Call:
    """A call with these arguments; raises `InvalidArgument`."""
    return Call(spec, bound(f"{spec.pallet_name}.{spec.name}", spec.params, arguments, named))


class Sender:
    """An account, or root, with all the runtime's calls as attributes: `sender.<pallet>.<call>`."""

    def __init__(self, devnet: Devnet, title: str, submit: Submit) -> None:
        self._devnet, self._title, self._submit = devnet, title, submit

    def __getattr__(self, pallet: str) -> Any:
        calls = self._devnet.names.calls
        pallets = two_levels("pallet", "call", calls, lambda _, spec: Transactor(self._devnet, spec, self._submit))
        return getattr(pallets, pallet)

    def __dir__(self) -> list[str]:
        return sorted(self._devnet.names.calls)

    def __repr__(self) -> str:
        return f"<{self._title}>"


class Transactor:
    """One call, about to be made by somebody."""

    def __init__(self, devnet: Devnet, spec: CallSpec, submit: Submit) -> None:
        self._devnet, self._spec, self._submit = devnet, spec, submit
        self.__doc__ = spec.method.__doc__

    def __call__(self, *arguments: Any, **named: Any) -> Receipt:
        """Sends it and mines; raises `CallFailed`, `Refused` and `InvalidArgument`."""
        return self._devnet.mined(self.submit(*arguments, **named))

    def submit(self, *arguments: Any, **named: Any) -> Pending:
        """Puts it into the pool, and mines nothing; raises `Refused` and `InvalidArgument`."""
        return self._submit(made_call(self._spec, arguments, named))

    def __repr__(self) -> str:
        return f"<call {self._spec.pallet_name}.{self._spec.name}({', '.join(name for name, _ in self._spec.params)})>"
