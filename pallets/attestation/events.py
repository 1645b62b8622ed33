"""What `Attestation` tells: the events of its page."""

from __future__ import annotations

from typing import Annotated

from pallets.attestation.dcap import Fmspc
from pallets.frame import H256, U8, U32, U64, Bound, Bytes32, Event, Moment
from pallets.primitives.attestation_record import Measurement, PckCa, TcbStatus, Tee, TrustRoot
from pallets.primitives.gpu import Gpu
from pallets.primitives.worker import WorkerKey

MAX_NAME = 64

Text = Annotated[bytes, Bound(MAX_NAME)]
"""What people call an enclave, or its version."""


class AttestationEvents:
    """The events of `Attestation`."""

    class Attested(Event):
        """A worker key was bound to an enclave."""

        worker: WorkerKey
        measurement: Measurement
        status: TcbStatus
        confidence: U8
        simulated: bool
        expires: Moment

    class Revoked(Event):
        """A worker key was revoked for good."""

        worker: WorkerKey

    class GpuAttested(Event):
        """Evidence of a worker's GPU was shown, and holds."""

        worker: WorkerKey
        gpu: Gpu

    class GpuLost(Event):
        """A worker has this GPU no more: it was shown by another one, or its own attestation doesn't name it."""

        worker: WorkerKey
        device: Bytes32

    class TcbInfoSet(Event):
        """What rates the machines of a model was filed."""

        root: TrustRoot
        tee: Tee
        fmspc: Fmspc
        issued: Moment
        evaluation: U32
        expires: Moment

    class QeIdentitySet(Event):
        """The identity of the enclave that signs quotes of a kind was filed."""

        root: TrustRoot
        tee: Tee
        issued: Moment
        evaluation: U32
        expires: Moment

    class RootCrlSet(Event):
        """A root's list of revoked authorities was filed."""

        root: TrustRoot
        issued: Moment
        number: U64
        expires: Moment

    class PckCrlSet(Event):
        """An authority's list of revoked machines was filed, with so many on it."""

        root: TrustRoot
        ca: PckCa
        issued: Moment
        number: U64
        expires: Moment
        revoked: U32

    class PolicySet(Event):
        """The policy was changed; attestations made under the last one stand."""

    class MeasurementAllowed(Event):
        """Workers of this measurement may serve."""

        measurement: Measurement
        name: Text
        version: Text

    class MeasurementDisallowed(Event):
        """Workers of this measurement may serve no more."""

        measurement: Measurement

    class RuntimeAllowed(Event):
        """Workers that run this may serve."""

        runtime_id: H256

    class RuntimeDisallowed(Event):
        """Workers that run this may serve no more."""

        runtime_id: H256
