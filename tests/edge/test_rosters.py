"""Rosters in files, of which a few are in memory: what comes back is the same, and nobody is in two regions."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.rosters import TODAY, TRUST, countersigned, roster, row, rows_of
from wattseal.edge import apart as apart_module
from wattseal.edge.apart import Apart, check_apart
from wattseal.edge.rosters import RosterBook
from wattseal.protocol.errors import Contradiction, SignatureInvalid, UnknownSubject, UsageError
from wattseal.protocol.ids import RegionId, Window
from wattseal.protocol.roster import Roster, RosterRow, SignedRoster

Open = Callable[..., RosterBook]
REGIONS = [RegionId(f"region-{number}") for number in range(4)]
FIRST = Window(TODAY + 1)


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    def open_book(rows_in_memory: int = 1 << 18) -> RosterBook:
        return RosterBook(tmp_path, TRUST, lambda: 0.0, replay=True, least_change=2, rows_in_memory=rows_in_memory)

    return open_book


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Digests of the rosters that were read from their files."""
    digests: list[bytes] = []
    reopened = Roster.reopened

    def note(data: bytes, fingerprint: bytes) -> Roster:
        digests.append(fingerprint)
        return reopened(data, fingerprint)

    monkeypatch.setattr(Roster, "reopened", note)
    return digests


def of_region(number: int, homes: int = 3, effective: int = FIRST) -> Roster:
    return roster(rows_of("town", homes, first=10 * number), REGIONS[number], effective)


def four(book: RosterBook) -> list[Roster]:
    return [book.install(countersigned(of_region(number))) for number in range(4)]


class TestMemory:
    def test_what_was_asked_for_lately_stays(self, opened: Open, read: list[bytes]) -> None:
        book = opened(rows_in_memory=6)
        rosters = four(book)
        assert book.at(REGIONS[3], FIRST) is rosters[3]
        assert book.at(REGIONS[2], FIRST) is rosters[2]
        assert read == []
        again = book.at(REGIONS[0], FIRST)
        assert again == rosters[0]
        assert again is not rosters[0]
        assert book.at(REGIONS[2], FIRST) is rosters[2]
        assert book.at(REGIONS[3], FIRST) == rosters[3]
        assert read == [rosters[0].fingerprint, rosters[3].fingerprint]

    def test_one_stays_however_large_it_is(self, opened: Open, read: list[bytes]) -> None:
        book = opened(rows_in_memory=0)
        rosters = four(book)
        assert [book.named(rosters[1].fingerprint) for _ in range(3)] == [rosters[1]] * 3
        assert read == [rosters[1].fingerprint]

    def test_all_are_known_whether_they_are_in_memory_or_not(self, opened: Open) -> None:
        rosters = four(opened())
        for book in (opened(rows_in_memory=0), opened()):
            assert book.regions() == REGIONS
            assert book.fingerprints() == [each.fingerprint for each in rosters]
            assert [book.of(region) for region in REGIONS] == [[each] for each in rosters]
            assert [book.ends(each) for each in book.of(REGIONS[0])] == [book.ends(rosters[0])]
            assert [SignedRoster.from_bytes(book.signed(each.fingerprint)).opened(TRUST) for each in rosters] == rosters

    def test_a_restart_reads_no_rows(self, opened: Open, read: list[bytes]) -> None:
        four(opened())
        opened()
        assert read == []

    def test_a_digest_is_not_computed_again(self, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        """Encoding 16,000 rows takes longer than reading them."""
        rosters = four(opened())
        fingerprint = of_region(2).digest()
        monkeypatch.setattr(Roster, "to_bytes", pytest.fail)
        assert opened().at(REGIONS[2], FIRST).fingerprint == rosters[2].fingerprint == fingerprint

    def test_unknown(self, opened: Open) -> None:
        book = opened()
        four(book)
        for ask in (
            lambda: book.at(RegionId("elsewhere"), FIRST),
            lambda: book.at(REGIONS[0], Window(FIRST - 1)),
            lambda: book.named(bytes(32)),
            lambda: book.signed(bytes(32)),
        ):
            with pytest.raises(UnknownSubject):
                ask()

    def test_a_file_that_changed_since_it_was_first_seen(self, opened: Open, tmp_path: Path) -> None:
        """Countersigned properly, but not what its digest was taken of."""
        four(opened())
        book = opened()
        path = tmp_path / "rosters" / f"{REGIONS[1]}.{FIRST}.json"
        path.write_bytes(countersigned(of_region(1, homes=4)).to_bytes())
        with pytest.raises(UsageError, match=f"{path}: not the roster that has the digest"):
            book.at(REGIONS[1], FIRST)

    @pytest.mark.parametrize("name", [f"elsewhere.{FIRST}", f"region-1.{FIRST + 1}"])
    def test_a_file_under_another_s_name(self, opened: Open, tmp_path: Path, name: str) -> None:
        four(opened())
        (tmp_path / "rosters" / f"region-1.{FIRST}.json").rename(tmp_path / "rosters" / f"{name}.json")
        region, _, window = name.rpartition(".")
        with pytest.raises(UsageError, match="it holds a roster of another region or window"):
            opened().at(RegionId(region), Window(int(window)))

    @pytest.mark.parametrize("name", ["region-1", "region-1.", f".{FIRST}", "region-1.-1", "region-1.²"])
    def test_a_file_whose_name_is_none(self, opened: Open, tmp_path: Path, name: str) -> None:
        four(opened())
        (tmp_path / "rosters" / f"region-1.{FIRST}.json").rename(tmp_path / "rosters" / f"{name}.json")
        if not name.startswith("."):
            with pytest.raises(UsageError, match=r"not the name of a roster's file"):
                opened()

    def test_signatures_are_looked_at_when_a_file_is_first_seen(self, opened: Open, tmp_path: Path) -> None:
        four(opened())
        path = tmp_path / "rosters" / f"{REGIONS[1]}.{FIRST}.json"
        signed = SignedRoster.from_bytes(path.read_bytes())
        path.write_bytes(signed.model_copy(update={"unblinder_operator": signed.utility}).to_bytes())
        with pytest.raises(UsageError, match="signature"):
            opened()
        with pytest.raises(SignatureInvalid):
            signed.model_copy(update={"utility": signed.aggregator_operator}).opened(TRUST)


class TestApart:
    @pytest.mark.parametrize("what", ["meter", "identity_key", "sealing_key", "service_point"])
    @pytest.mark.parametrize("rows_in_memory", [0, 1 << 18])
    def test_found_in_a_roster_from_before_the_restart(self, opened: Open, what: str, rows_in_memory: int) -> None:
        four(opened())
        book = opened(rows_in_memory)
        (stranger,) = rows_of("town", 1, first=90)
        alias = replace(stranger, **{what: getattr(of_region(2).rows[1], what)})
        with pytest.raises(Contradiction, match=f"a {what} of the roster is in region {REGIONS[2]}"):
            book.install(countersigned(roster([alias], RegionId("new"), FIRST)))
        assert RegionId("new") not in book.regions()
        assert book.install(countersigned(roster([stranger], RegionId("new"), FIRST))).rows == (stranger,)

    def test_equal_hashes_are_no_contradiction(self, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(apart_module, "hash", lambda _: 1, raising=False)
        book = opened()
        assert len(four(book)) == 4
        (stranger,) = rows_of("town", 1, first=90)
        alias = replace(stranger, service_point=of_region(2).rows[1].service_point)
        with pytest.raises(Contradiction, match=f"is in region {REGIONS[2]}"):
            book.install(countersigned(roster([alias], RegionId("new"), FIRST)))

    def test_rosters_that_share_nothing_are_not_read(self, opened: Open, read: list[bytes]) -> None:
        """Else every region that comes would be compared with all that are there."""
        book = opened(rows_in_memory=0)
        four(book)
        book.install(countersigned(of_region(3, effective=FIRST + 400)))
        assert set(read) <= {of_region(3).fingerprint}

    @given(st.data())
    def test_against_comparing_all_with_all(self, data: st.DataObject) -> None:
        """Regions that come with a few rows out of a small supply of meters, keys and homes."""
        number = st.integers(0, 5)
        apart, known = Apart(), list[Roster]()
        effective = count(TODAY)
        for region in data.draw(st.lists(st.sampled_from(REGIONS), min_size=1, max_size=8)):
            one = roster(distinct(data.draw(st.lists(st.tuples(*[number] * 4), min_size=1))), region, next(effective))
            others = [other for other in known if other.region != region]
            assert apart.may_share(one) == shares(one, others)
            if not shares(one, others):
                apart.add(one)
                known.append(one)


def distinct(wanted: Sequence[tuple[int, ...]]) -> list[RosterRow]:
    """A row for each, but for those that share something with one before."""
    found: list[RosterRow] = []
    taken = set[tuple[int, int]]()
    for numbers in wanted:
        if taken.isdisjoint(enumerate(numbers)):
            taken |= set(enumerate(numbers))
            meter, identity, sealing, home = numbers
            found.append(
                replace(
                    row(f"m{meter}", "town"),
                    identity_key=bytes([identity]) * 32,
                    sealing_key=bytes([sealing + 100]) * 32,
                    service_point=f"home {home}",
                )
            )
    return sorted(found, key=lambda each: each.meter)


def shares(one: Roster, others: Sequence[Roster]) -> bool:
    try:
        for other in others:
            check_apart(one, other)
    except Contradiction:
        return True
    return False
