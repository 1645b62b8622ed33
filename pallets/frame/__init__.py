"""The declaration language of pallets: what FRAME's macros are to Rust.

A pallet is a class (`pallet`), its state descriptors (`storage`), its vocabulary nested classes (`events`); a runtime
composes them (`runtime`), and the executive (`executive`) is the one place that knows the order of a block.
"""

from pallets.frame.events import Arithmetic, BadOrigin, DispatchError, Error, Event, Reasons, Token
from pallets.frame.origin import NoneOrigin, Origin, Root, Signed
from pallets.frame.pallet import Const, Pallet, PostInfo, call
from pallets.frame.storage import CountedMap, DoubleMap, Map, TripleMap, Value
from pallets.frame.validity import InvalidTransaction, UnknownTransaction, ValidTransaction
from pallets.frame.weights import DispatchClass, DispatchInfo, Pays, Weight
from pallets.primitives.types import (
    H256,
    U8,
    U16,
    U32,
    U64,
    U128,
    AccountId,
    Address,
    Balance,
    BlockNumber,
    Bound,
    Bytes32,
    Bytes64,
    Compact,
    DueKey,
    Moment,
    Nonce,
    RuntimeType,
    UnitEnum,
    Variant,
    struct,
)

__all__ = [
    "U8",
    "U16",
    "U32",
    "U64",
    "U128",
    "H256",
    "AccountId",
    "Address",
    "Arithmetic",
    "BadOrigin",
    "Balance",
    "BlockNumber",
    "Bound",
    "Bytes32",
    "Bytes64",
    "Compact",
    "Const",
    "CountedMap",
    "DispatchClass",
    "DispatchError",
    "DispatchInfo",
    "DoubleMap",
    "DueKey",
    "Error",
    "Event",
    "InvalidTransaction",
    "Map",
    "Moment",
    "NoneOrigin",
    "Nonce",
    "Origin",
    "Pallet",
    "Pays",
    "PostInfo",
    "Reasons",
    "Root",
    "RuntimeType",
    "Signed",
    "Token",
    "TripleMap",
    "UnitEnum",
    "UnknownTransaction",
    "ValidTransaction",
    "Value",
    "Variant",
    "Weight",
    "call",
    "struct",
]
