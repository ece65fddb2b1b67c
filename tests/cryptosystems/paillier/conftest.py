"""Keys are costly to check and tables to build: once a session."""

import pytest

from tests.cryptosystems.paillier.vectors import SIZES, layout, secret_key
from wattseal.cryptosystems.paillier.encryptor import PaillierEncryptor
from wattseal.cryptosystems.paillier.keys import SecretKey


@pytest.fixture(scope="session", params=SIZES)
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def key(size: str) -> SecretKey:
    return secret_key(size)


@pytest.fixture(scope="session")
def small_key() -> SecretKey:
    return secret_key("insecure_1024")


@pytest.fixture(scope="session")
def encryptor(size: str, key: SecretKey) -> PaillierEncryptor:
    return PaillierEncryptor(key.public, layout(size))


@pytest.fixture(scope="session")
def small_encryptor(small_key: SecretKey) -> PaillierEncryptor:
    return PaillierEncryptor(small_key.public, layout("insecure_1024"))
