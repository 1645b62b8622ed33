"""Why `Attestation` refuses: the errors of its page, which has no room for them.

Those of quote, certificates and collateral are named as in `pallets.attestation.dcap_errors` and
`pallets.primitives.quote`, those of GPUs as in `pallets.attestation.gpu`; each error there becomes the one of its name
here.
"""

from __future__ import annotations

from pallets.frame import Error


class AttestationErrors:
    """The errors of `Attestation`."""

    # Collateral

    class BadCollateral(Error):
        """Garbled, of another kind of enclave than said, or not what this part of collateral is."""

    class CollateralCarriesChain(Error):
        """The collateral has a `pck_certificate_chain`, which would take the place of the quote's own: leave it out."""

    class CollateralForged(Error):
        """The collateral's signature doesn't hold, or its issuer's certificate is not of the root it comes with."""

    class CollateralGoesBack(Error):
        """An issue date, evaluation number or revocation list number is lower than that of the part on file."""

    class CollateralNotYetValid(Error):
        """The collateral was issued later than now."""

    class CollateralExpired(Error):
        """A part of the collateral on file has expired; somebody has to file a newer one."""

    class NoCollateral(Error):
        """A part of the collateral for this kind of enclave and machine model is not on file."""

    class TooManyModels(Error):
        """TCB info is on file for as many machine models as there may be."""

    class SimulatedNotAllowed(Error):
        """Quote or collateral is under the root of simulated hardware, which this chain's genesis doesn't allow."""

    class UnknownRoot(Error):
        """Quote or collateral is under a root that is neither Intel's nor that of simulated hardware."""

    # Lists

    class UnknownMeasurement(Error):
        """The measurement is not on the list."""

    class BadMeasurement(Error):
        """A measurement has 68 bytes (SGX) or 32 (TDX)."""

    # The worker

    class NotAttested(Error):
        """The worker key has never been attested."""

    class KeyRevoked(Error):
        """The worker key was revoked: the worker needs a new one."""

    class AttestationExpired(Error):
        """The attestation's collateral, or a certificate of its machine, has expired: attest again."""

    class MeasurementNotAllowed(Error):
        """The enclave's measurement is not on the list, or no more."""

    class RuntimeNotAllowed(Error):
        """The worker's runtime id is not on the list, or no more."""

    class UnknownInfoVersion(Error):
        """The worker info has another version than 1."""

    class WrongGenesis(Error):
        """The worker info names another chain's genesis."""

    class UnsortedFeatures(Error):
        """The worker info's features are not ascending, or one is there twice."""

    class TooManyFeatures(Error):
        """The worker info has more than 64 features."""

    # The quote

    class NotAQuote(Error):
        """Not a quote, cut short, or with bytes that belong to none of its parts."""

    class UnsupportedQuote(Error):
        """A quote of another version, kind of enclave, key or certification than SGX 3 and TDX 4 and 5 have."""

    class QuoteForged(Error):
        """A signature doesn't hold: of the quote, of the quoting enclave's report, or of the machine's certificates."""

    class CertificateNotYetValid(Error):
        """A certificate of the machine holds only later."""

    class CertificateExpired(Error):
        """A certificate of the machine has expired."""

    class IssuerRevoked(Error):
        """The root has revoked an authority that certifies the machine or signs its collateral."""

    class MachineRevoked(Error):
        """The machine's certificate is revoked."""

    class DebugEnclave(Error):
        """The enclave or trust domain runs in debug mode: its host can read its memory."""

    class UnsafeDomain(Error):
        """The trust domain lacks SEPT_VE_DISABLE, has reserved attributes, or a service domain."""

    class WrongQuotingEnclave(Error):
        """The enclave that signed the quote is not the one whose identity is on file, or is older than any level."""

    class WrongTdxModule(Error):
        """The TDX module is none that the machine's TCB info knows, or is older than any level."""

    class NoMatchingTcbLevel(Error):
        """The machine's security versions are below every level of its TCB info."""

    class TcbRevoked(Error):
        """The security versions of the machine, its TDX module or its quoting enclave are revoked."""

    class QuoteRefused(Error):
        """The quote doesn't verify, for a reason other than those above."""

    class InfoNotBound(Error):
        """The first half of the report data is not the hash of the worker info: the quote is another key's."""

    class StaleQuote(Error):
        """The second half of the report data is not the hash of a recent block of this chain."""

    class QuoteReused(Error):
        """The worker was attested by a quote over this block, or a later one: quote again over a newer block."""

    # Policy

    class StatusNotAllowed(Error):
        """The policy doesn't accept the status of the machine's security versions."""

    class AdvisoryNotAllowed(Error):
        """The policy refuses an advisory that the machine is subject to."""

    class EvaluationTooOld(Error):
        """The collateral's evaluation number is below the policy's minimum."""

    class UnknownRuntime(Error):
        """The runtime id is not on the list."""

    # The GPU

    class OtherGpuEvidence(Error):
        """The worker's info names other evidence of a GPU than this, or none: have it quote with this one's hash."""

    class StaleGpuEvidence(Error):
        """The evidence of the GPU is not of a recent block of this chain."""

    class GpuElsewhere(Error):
        """Another worker has shown the same GPU, by evidence of this block or a later one."""

    class GarbledGpuEvidence(Error):
        """The GPU's report, or a certificate, is not in its format."""

    class WrongGpuNonce(Error):
        """The GPU's report answers another question: another worker's, another chain's, or that of another block."""

    class WrongGpuRoot(Error):
        """The GPU's certificates end in no root that this chain takes: NVIDIA's, or that of simulated GPUs."""

    class BrokenGpuChain(Error):
        """A certificate of the GPU is not of the next one's making, is out of time, or was not made for this use."""

    class NotAGpu(Error):
        """The certificates are of another kind of device than a GPU."""

    class WrongGpuSignature(Error):
        """The report was not signed by the GPU's key, or by other firmware than the key was made for."""
