"""A service as a real process: where it listens, how it says so, and how it ends."""

import gc
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wattseal.edge.addresses import is_loopback
from wattseal.edge.serving import Listen, keep_for_good
from wattseal.protocol.errors import UsageError

ROOT = Path(__file__).parents[2]


def command(*options: str | Path) -> list[str]:
    return [sys.executable, "-m", "tests.edge.service", *map(str, options)]


@contextmanager
def service(*options: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and the URL that it announced."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command(*options), cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            word, _, url = process.stdout.readline().strip().partition(" ")
            assert word == "ready"
            yield process, url
        finally:
            process.kill()


def failed(*options: str | Path) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a service that should not start."""
    done = subprocess.run(
        command(*options), cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wattseal test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    directory = tmp_path_factory.mktemp("tls")
    certificate_path, key_path = directory / "certificate.pem", directory / "key.pem"
    certificate_path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_path, key_path


def tls_client(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def handshake(url: str, client: ssl.SSLContext) -> str | None:
    parts = urlsplit(url)
    plain = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30)
    with plain, client.wrap_socket(plain, server_hostname=parts.hostname) as session:
        return session.version()


class TestLife:
    def test_it_says_where_it_listens_and_answers_there(self) -> None:
        with service() as (_, url):
            assert url.startswith("http://127.0.0.1:")
            answer = httpx.get(f"{url}/healthz", trust_env=False)
        assert answer.json() == {"status": "ok"}
        assert "server" not in answer.headers

    def test_it_stops_when_its_input_closes(self) -> None:
        with service() as (process, _):
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(30) == 0

    def test_what_comes_in_on_its_input_does_not_matter(self) -> None:
        with service() as (process, url):
            assert process.stdin is not None
            process.stdin.write("quit\n")
            process.stdin.flush()
            assert httpx.get(f"{url}/healthz", trust_env=False).is_success
            process.stdin.close()
            assert process.wait(30) == 0

    def test_told_to_keep_running_it_outlives_its_input(self) -> None:
        with service("--keep-running") as (process, url):
            assert process.stdin is not None
            process.stdin.close()
            assert httpx.get(f"{url}/healthz", trust_env=False).is_success
            assert process.poll() is None

    def test_control_c(self) -> None:
        with service("--keep-running") as (process, _):
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
            assert process.stderr is not None
            assert process.stderr.read() == "wattseal: stopped\n"

    def test_terminated(self) -> None:
        with service("--keep-running") as (process, _):
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == -signal.SIGTERM


class TestRefusedToStart:
    def test_a_port_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            status, output, line = failed("--port", str(port))
        assert (status, output) == (2, "")
        assert line.startswith(f"wattseal: cannot listen on 127.0.0.1 port {port}: ")
        assert line.count("\n") == 1

    def test_a_port_that_there_is_not(self) -> None:
        status, _, line = failed("--port", "65536")
        assert status == 2
        assert line.startswith("wattseal: cannot listen on 127.0.0.1 port 65536: ")

    def test_beyond_loopback_without_tls(self) -> None:
        status, output, line = failed("--host", "0.0.0.0")  # noqa: S104 - it is refused
        assert (status, output) == (2, "")
        assert line == ("wattseal: 0.0.0.0 is not a loopback address: give --tls-certificate and --tls-key\n")

    def test_a_missing_certificate(self, tmp_path: Path) -> None:
        status, _, line = failed("--certificate", tmp_path / "none.pem", "--key", tmp_path / "key.pem")
        assert status == 2
        assert line == f"wattseal: {tmp_path}/none.pem with {tmp_path}/key.pem: No such file or directory\n"

    def test_a_certificate_that_is_none(self, certificate: tuple[Path, Path]) -> None:
        status, _, line = failed("--certificate", certificate[1], "--key", certificate[1])
        assert status == 2
        assert line.startswith(f"wattseal: {certificate[1]} with ")
        assert line.count("\n") == 1


class TestTls:
    def test_only_tls_1_3(self, certificate: tuple[Path, Path]) -> None:
        modern, old = tls_client(certificate[0]), tls_client(certificate[0])
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with service("--certificate", certificate[0], "--key", certificate[1]) as (_, url):
            assert url.startswith("https://127.0.0.1:")
            assert handshake(url, modern) == "TLSv1.3"
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                handshake(url, old)
            assert httpx.get(f"{url}/healthz", verify=modern, trust_env=False).is_success

    def test_plain_http_finds_nothing(self, certificate: tuple[Path, Path]) -> None:
        tls = ("--certificate", certificate[0], "--key", certificate[1])
        with service(*tls) as (_, url), pytest.raises(httpx.TransportError):
            httpx.get(f"{url}/healthz".replace("https", "http"), trust_env=False)

    def test_a_certificate_without_its_key(self, certificate: tuple[Path, Path]) -> None:
        with pytest.raises(UsageError, match="together"):
            Listen(certificate=certificate[0])
        with pytest.raises(UsageError, match="together"):
            Listen(key=certificate[1])

    def test_with_a_certificate_any_address_will_do(self, certificate: tuple[Path, Path]) -> None:
        assert Listen("192.0.2.1", 443, *certificate).host == "192.0.2.1"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.0.3", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    assert Listen(host).host == host


@pytest.mark.parametrize(
    "host", ["", "::", "192.168.0.1", "128.0.0.1", "localhost.example.org", "127.0.0.1.example.org", "127.1"]
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(UsageError, match="not a loopback address"):
        Listen(host)


def test_what_was_loaded_is_not_looked_through_again() -> None:
    before = gc.get_freeze_count()
    loaded = [{"row": number} for number in range(1_000)]
    try:
        keep_for_good()
        assert gc.get_freeze_count() >= before + len(loaded)
        assert not any(one is row for one in gc.get_objects() for row in loaded[:3])
    finally:
        gc.unfreeze()
