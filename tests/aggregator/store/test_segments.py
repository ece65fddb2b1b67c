"""Files of large bodies: what was appended comes back, altered or missing bytes do not."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattseal.aggregator.segments import MAGIC, MOST_OPEN, Reference, Segments
from wattseal.aggregator.store_errors import StoreUnavailable


def test_another_process_reads_what_was_appended(tmp_path: Path) -> None:
    writer, reader = Segments(tmp_path / "segments"), Segments(tmp_path / "segments")
    first = writer.append("day", [b"one", b"", b"three"])
    second = writer.append("day", [os.urandom(100_000)])
    assert reader.read("day", first) == writer.read("day", first) == [b"one", b"", b"three"]
    assert reader.read("day", second + first[:1])[1] == b"one"
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "segments/day").iterdir()] == [0o600]


def test_files_end_at_their_limit_and_a_new_process_begins_its_own(tmp_path: Path) -> None:
    segments = Segments(tmp_path, file_limit=10)
    references = [reference for _ in range(3) for reference in segments.append("day", [bytes(6)])]
    references += Segments(tmp_path, file_limit=10).append("day", [bytes(6)])
    assert [Reference.from_bytes(reference).offset for reference in references] == [0, 6, 0, 0]
    assert len(list((tmp_path / "day").iterdir())) == 3
    assert segments.read("day", references) == [bytes(6)] * 4


@pytest.mark.parametrize("damage", ["altered", "truncated", "removed"])
def test_damage_is_noticed(tmp_path: Path, damage: str) -> None:
    references = Segments(tmp_path).append("day", [b"kept as it is", b"damaged"])
    (path,) = (tmp_path / "day").iterdir()
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(b"kept as it is" + (b"danaged" if damage == "altered" else b"damage"))
    with pytest.raises(StoreUnavailable, match=path.name):
        Segments(tmp_path).read("day", references)


def test_after_a_failed_write_another_file_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segments = Segments(tmp_path)
    first = segments.append("day", [b"one"])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _disk_full)
        with pytest.raises(StoreUnavailable, match="No space left"):
            segments.append("day", [b"two"])
    assert segments.read("day", first + segments.append("day", [b"three"])) == [b"one", b"three"]
    assert len(list((tmp_path / "day").iterdir())) == 2


def _disk_full(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_window_s_files_go_and_others_stay(tmp_path: Path) -> None:
    segments, other = Segments(tmp_path), Segments(tmp_path)
    gone, kept = segments.append("day", [b"one"]), segments.append("next", [b"two"])
    other.append("day", [b"three"])
    for _ in range(2):
        segments.drop("day")
    with pytest.raises(StoreUnavailable, match="No such file"):
        segments.read("day", gone)
    assert segments.read("next", kept) == [b"two"]
    assert segments.read("day", segments.append("day", [b"four"])) == [b"four"]


def test_few_files_are_open_at_a_time(tmp_path: Path) -> None:
    segments = Segments(tmp_path)
    references = {f"day-{day}": segments.append(f"day-{day}", [b"%d" % day]) for day in range(MOST_OPEN + 2)}
    assert len(segments._growing) == MOST_OPEN
    references["day-0"] += segments.append("day-0", [b"again"])
    assert segments.read("day-0", references["day-0"]) == [b"0", b"again"]
    assert len(list((tmp_path / "day-0").iterdir())) == 2
    assert len(list((tmp_path / "day-9").iterdir())) == 1


def test_without_a_directory_nothing_is_kept() -> None:
    with pytest.raises(StoreUnavailable, match="no directory"):
        Segments(None).append("day", [b"one"])


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
def test_references_keep_their_digest_in_front(digest: bytes, offset: int, length: int) -> None:
    reference = Reference(digest, "00ff" * 4, offset, length)
    encoded = reference.to_bytes()
    assert Reference.from_bytes(encoded) == reference
    assert encoded[:49] == MAGIC + digest
