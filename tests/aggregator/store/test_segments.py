"""Files of large bodies: what was appended comes back, altered or missing bytes do not."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattseal.aggregator.segments import MAGIC, Reference, Segments
from wattseal.aggregator.store_errors import StoreUnavailable


def test_another_process_reads_what_was_appended(tmp_path: Path) -> None:
    writer, reader = Segments(tmp_path / "segments"), Segments(tmp_path / "segments")
    first = writer.append([b"one", b"", b"three"])
    second = writer.append([os.urandom(100_000)])
    assert reader.read(first) == writer.read(first) == [b"one", b"", b"three"]
    assert reader.read(second + first[:1])[1] == b"one"
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "segments").iterdir()] == [0o600]


def test_files_end_at_their_limit_and_a_new_process_begins_its_own(tmp_path: Path) -> None:
    segments = Segments(tmp_path, file_limit=10)
    references = [reference for _ in range(3) for reference in segments.append([bytes(6)])]
    references += Segments(tmp_path, file_limit=10).append([bytes(6)])
    assert [Reference.from_bytes(reference).offset for reference in references] == [0, 6, 0, 0]
    assert len(list(tmp_path.iterdir())) == 3
    assert segments.read(references) == [bytes(6)] * 4


@pytest.mark.parametrize("damage", ["altered", "truncated", "removed"])
def test_damage_is_noticed(tmp_path: Path, damage: str) -> None:
    references = Segments(tmp_path).append([b"kept as it is", b"damaged"])
    (path,) = tmp_path.iterdir()
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(b"kept as it is" + (b"danaged" if damage == "altered" else b"damage"))
    with pytest.raises(StoreUnavailable, match=path.name):
        Segments(tmp_path).read(references)


def test_after_a_failed_write_another_file_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segments = Segments(tmp_path)
    first = segments.append([b"one"])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _disk_full)
        with pytest.raises(StoreUnavailable, match="No space left"):
            segments.append([b"two"])
    assert segments.read(first + segments.append([b"three"])) == [b"one", b"three"]
    assert len(list(tmp_path.iterdir())) == 2


def _disk_full(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_without_a_directory_nothing_is_kept() -> None:
    with pytest.raises(StoreUnavailable, match="no directory"):
        Segments(None).append([b"one"])


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
def test_references_keep_their_digest_in_front(digest: bytes, offset: int, length: int) -> None:
    reference = Reference(digest, "00ff" * 4, offset, length)
    encoded = reference.to_bytes()
    assert Reference.from_bytes(encoded) == reference
    assert encoded[:49] == MAGIC + digest
