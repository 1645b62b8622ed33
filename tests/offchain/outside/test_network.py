"""Which addresses are connected to, and that TLS is checked against the name."""

from __future__ import annotations

import datetime
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from offchain.outside.addresses import is_public
from offchain.outside.network import Network, public_roots
from offchain.outside.policy import FetchLimits, Reach
from offchain.outside.world import open_world
from tests.offchain.outside.servers import Hostile
from tests.offchain.outside.worlds import Failed, Names, Run

PUBLIC = "1.1.1.1 8.8.8.8 93.184.215.14 100.63.255.255 100.128.0.0 172.15.0.1 172.32.0.1 2606:4700::1111 2a00:1450::1"
SPECIAL = """
    0.0.0.0 0.1.2.3 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16
    169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.51.100.1
    203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::ffff:8.8.8.8 ::ffff:127.0.0.1 64:ff9b::8.8.8.8 64:ff9b:1::1 100::1 2001::1 2001:db8::1
    2002:7f00:1:: 2002:808:808::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fd20:ce::254 fe80::1 fe80::1%eth0 ff02::1
"""


def test_addresses_of_the_internet_are_public_and_no_others() -> None:
    assert [each for each in PUBLIC.split() if not is_public(ip_address(each))] == []
    assert [each for each in SPECIAL.split() if is_public(ip_address(each))] == []


async def test_a_name_is_resolved_once_and_connected_to_where_it_was_checked(hostile: Hostile) -> None:
    unroutable = "2000::1"  # public, and nobody's
    names = Names(rebinds_example=[[unroutable], ["127.0.0.1"]], mixed_example=[["127.0.0.1", "::1", unroutable]])
    network = Network(names, ssl.create_default_context())
    limits = FetchLimits(connect_seconds=0.2)
    async with open_world(network, Reach(), start_ms=0, limits=limits) as world:
        run = Run(world)
        for name, reason in (
            ("rebinds", "connection-failed"),
            ("mixed", "connection-failed"),
            ("rebinds", "no-address"),
        ):
            with pytest.raises(Failed) as failed:
                await run.fetch(f"http://{name}.example:{hostile.port}/endless")
            assert failed.value.reason == reason
            assert "127.0.0.1" not in failed.value.text and unroutable not in failed.value.text
    assert names.asked == ["rebinds.example", "mixed.example", "rebinds.example"]
    assert hostile.reached == []


async def test_the_next_address_is_tried(hostile: Hostile) -> None:
    names = Names(two_example=[["127.0.0.2", "127.0.0.1"]])
    network = Network(names, ssl.create_default_context())
    async with open_world(network, Reach(allow_private=True), start_ms=0) as world:
        assert (await Run(world).fetch(f"http://two.example:{hostile.port}/short-lie")).body == b"short"


def certificate(path: Path, name: str) -> Path:
    """A file with a key and a certificate of it for a name, signed by itself."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    day = datetime.datetime(2020, 1, 1)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, day, day.replace(year=2120))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    path.write_bytes(pem)
    return path


async def test_a_server_must_prove_the_name_that_was_asked_for(nursery: trio.Nursery, tmp_path: Path) -> None:
    pem = certificate(tmp_path / "secure.pem", "secure.test")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pem)

    async def greet(stream: trio.SSLStream[trio.SocketStream]) -> None:
        try:
            while await stream.receive_some():
                await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
        except trio.BrokenResourceError:
            pass  # it doesn't like the certificate

    listeners = await trio.open_ssl_over_tcp_listeners(0, tls, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, greet, listeners)
    inner = listeners[0].transport_listener
    assert isinstance(inner, trio.SocketListener)
    port = inner.socket.getsockname()[1]
    reach = Reach(allow_private=True)
    async with open_world(Network(Names(), ssl.create_default_context(cafile=pem)), reach, start_ms=0) as world:
        run = Run(world)
        for _ in range(2):
            assert (await run.fetch(f"https://secure.test:{port}/")).body == b"hi"
        with pytest.raises(Failed) as wrong:
            await run.fetch(f"https://other.test:{port}/")
        assert wrong.value.reason == "tls-failed" and "Hostname mismatch" in wrong.value.text
    async with open_world(Network(Names(), public_roots()), reach, start_ms=0) as world:
        with pytest.raises(Failed) as unknown:
            await Run(world).fetch(f"https://secure.test:{port}/")
        assert unknown.value.reason == "tls-failed"
