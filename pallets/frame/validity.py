"""Why a transaction may or may not enter the pool or a block.

```
TransactionValidityError
├── InvalidTransaction      it can't be included as it stands
│   └── Call Payment Future Stale BadProof AncientBirthBlock ExhaustsResources Custom BadMandatory
│       MandatoryValidation BadSigner IndeterminateImplicit UnknownOrigin
└── UnknownTransaction      nobody can say whether it is valid
    └── CannotLookup NoUnsignedValidator
```
Names, indices and messages are those of `sp_runtime::transaction_validity`; clients match on them.
"""

from __future__ import annotations

from typing import ClassVar

from pallets.primitives.codec import codec_of
from pallets.primitives.types import U64, UnitEnum, struct


class TransactionValidityError(Exception):
    """A transaction was refused before it ran."""

    kind: ClassVar[int]
    index: ClassVar[int]
    message: ClassVar[str]

    def __str__(self) -> str:
        return self.message

    def encode(self) -> bytes:
        """SCALE of `sp_runtime::TransactionValidityError`."""
        return bytes((self.kind, self.index))


class InvalidTransaction(TransactionValidityError):
    """The transaction can't be included as it stands."""

    kind = 0


class Call(InvalidTransaction):
    """The call is not accepted here, for example an inherent sent from outside."""

    index, message = 0, "Transaction call is not expected"


class Payment(InvalidTransaction):
    """The sender can't pay the fee."""

    index, message = 1, "Inability to pay some fees (e.g. account balance too low)"


class Future(InvalidTransaction):
    """The nonce is ahead of the account's."""

    index, message = 2, "Transaction will be valid in the future"


class Stale(InvalidTransaction):
    """The nonce was used already, or what the transaction would do is done."""

    index, message = 3, "Transaction is outdated"


class BadProof(InvalidTransaction):
    """The signature doesn't verify over the payload this chain expects."""

    index, message = 4, "Transaction has a bad signature"


class AncientBirthBlock(InvalidTransaction):
    """The mortal era started before the oldest block hash the chain keeps, or is over."""

    index, message = 5, "Transaction has an ancient birth block"


class ExhaustsResources(InvalidTransaction):
    """The block has no room left for it; a later one may."""

    index, message = 6, "Transaction would exhaust the block limits"


class Custom(InvalidTransaction):
    """A reason of the pallet's own, by number."""

    index = 7

    def __init__(self, code: int, explanation: str = "") -> None:
        super().__init__(explanation)
        self.code, self.explanation = code, explanation

    def __str__(self) -> str:
        return f"Custom error: {self.code}" + (f" ({self.explanation})" if self.explanation else "")

    def encode(self) -> bytes:
        return bytes((self.kind, self.index, self.code))


class BadMandatory(InvalidTransaction):
    """An inherent failed, which makes the block invalid."""

    index, message = 8, "A call was labelled as mandatory, but resulted in an Error."


class MandatoryValidation(InvalidTransaction):
    """An inherent was sent as a transaction."""

    index, message = 9, "Transaction dispatch is mandatory; transactions must not be validated."


class BadSigner(InvalidTransaction):
    """The signing address can't be an account."""

    index, message = 10, "Invalid signing address"


class IndeterminateImplicit(InvalidTransaction):
    """What the signature should cover can't be computed."""

    index, message = 11, "The implicit data was unable to be calculated"


class UnknownOrigin(InvalidTransaction):
    """No extension authorised an origin."""

    index, message = 12, "The transaction extension did not authorize any origin"


class UnknownTransaction(TransactionValidityError):
    """Nobody can say whether the transaction is valid."""

    kind = 1


class CannotLookup(UnknownTransaction):
    """The signing address is of a form this chain can't resolve."""

    index, message = 0, "CannotLookup"


class NoUnsignedValidator(UnknownTransaction):
    """A bare transaction whose call nobody validates."""

    index, message = 1, "NoUnsignedValidator"


class TransactionSource(UnitEnum):
    """Where a transaction comes from."""

    __type_path__ = "sp_runtime::transaction_validity::TransactionSource"
    InBlock = 0
    Local = 1
    External = 2


MAX_LONGEVITY = MAX_PRIORITY = (1 << 64) - 1


@struct(path="sp_runtime::transaction_validity::ValidTransaction")
class ValidTransaction:
    """How the pool orders a transaction: it waits for `requires`, then supplies `provides`."""

    priority: U64
    requires: list[bytes]
    provides: list[bytes]
    longevity: U64
    propagate: bool


VALID_TRANSACTION = codec_of(ValidTransaction)
