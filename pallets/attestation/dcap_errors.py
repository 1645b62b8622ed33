"""Why collateral is not filed, and why a quote doesn't verify: one class a reason.

```
DcapError                        (`pallets.primitives.quote`, with `NotAQuote` and `UnsupportedQuote`)
├── UnknownRoot
├── SimulatedNotAllowed
├── BadCollateral
│   └── CollateralCarriesChain
├── CollateralForged
├── QuoteForged
├── CertificateNotYetValid
├── CertificateExpired
├── IssuerRevoked
├── MachineRevoked
├── DebugEnclave
├── UnsafeDomain
├── WrongQuotingEnclave
├── WrongTdxModule
├── NoMatchingTcbLevel
├── TcbRevoked
└── QuoteRefused
```

`pallets.attestation` has an error of each name. The texts are for people, never for state.
"""

from __future__ import annotations

from pallets.primitives.quote import DcapError


class UnknownRoot(DcapError):
    """A chain of certificates ends neither in Intel's root nor in that of simulated hardware."""


class SimulatedNotAllowed(DcapError):
    """A chain of certificates ends in the root of simulated hardware, which this chain's genesis doesn't allow."""


class BadCollateral(DcapError):
    """Garbled, of another kind of enclave than said, or not what this part of collateral is."""


class CollateralCarriesChain(BadCollateral):
    """Collateral with a `pck_certificate_chain`, which a verifier would take in place of the quote's own chain."""


class CollateralForged(DcapError):
    """The signature doesn't hold, or the issuer's certificate is not of the root it comes with."""


class QuoteForged(DcapError):
    """A signature doesn't hold: of the quote, of the quoting enclave's report, or of a certificate."""


class CertificateNotYetValid(DcapError):
    """A certificate of the machine's chain holds only later."""


class CertificateExpired(DcapError):
    """A certificate of the machine's chain has expired."""


class IssuerRevoked(DcapError):
    """The root has revoked an authority that certifies the machine or signs its collateral."""


class MachineRevoked(DcapError):
    """The machine's certificate is revoked."""


class DebugEnclave(DcapError):
    """The enclave or trust domain runs in debug mode: its host can read its memory."""


class UnsafeDomain(DcapError):
    """The trust domain lacks SEPT_VE_DISABLE, has reserved attributes, or a service domain that may migrate it."""


class WrongQuotingEnclave(DcapError):
    """The enclave that signed the quote is not the one whose identity is on file, or is too old for any level."""


class WrongTdxModule(DcapError):
    """The TDX module is none that the machine's TCB info knows, or is too old for any level."""


class NoMatchingTcbLevel(DcapError):
    """The machine's security versions are below every level of its TCB info."""


class TcbRevoked(DcapError):
    """The machine's, its TDX module's or its quoting enclave's security versions are revoked."""


class QuoteRefused(DcapError):
    """The verifier refuses the quote for a reason that has no name here."""
