"""Waivers, quarantines and extensions in a service: installed once, for good, in force on their days alone."""

from pathlib import Path

import pytest

from tests.policy.measures import (
    all_signed,
    extension,
    noise_extension,
    quarantine,
    signed_extension,
    signed_quarantine,
    signed_waiver,
    waiver,
)
from tests.policy.rosters import REGION, TODAY, TRUST, operator
from wattseal.edge.countersign import countersign_file, proposed
from wattseal.edge.home import OPERATOR, Home
from wattseal.edge.measures import MeasureBook
from wattseal.edge.private_files import write_private
from wattseal.policy.measures import NO_MEASURES, Measures
from wattseal.protocol.errors import MalformedMessage, Rejected, SignatureInvalid, UsageError
from wattseal.protocol.ids import Channel, CohortId, RegionId, Window
from wattseal.protocol.measures import SignedWaiver
from wattseal.protocol.time import SECONDS_PER_DAY
from wattseal.protocol.trust import TrustAnchors

CLOSED = waiver("town/a", first=TODAY - 3, last=TODAY)


def opened(directory: Path, *, day: int = TODAY, replay: bool = False) -> MeasureBook:
    return MeasureBook(directory, TRUST, lambda: day * SECONDS_PER_DAY + 3_600, replay=replay)


def at(book: MeasureBook, window: int, channel: Channel = Channel.DELIVERED, region: RegionId = REGION) -> Measures:
    return book.in_force(region, channel, Window(window))


def test_a_waiver_is_in_force_on_its_days_in_its_region_and_channel(tmp_path: Path) -> None:
    opened(tmp_path).install_waiver(signed_waiver(CLOSED))
    book = opened(tmp_path)
    assert [len(at(book, TODAY + days).waivers) for days in (-4, -3, 0, 1)] == [0, 1, 1, 0]
    assert at(book, TODAY, Channel.RECEIVED) == at(book, TODAY, region=RegionId("east")) == NO_MEASURES
    assert at(book, TODAY).waivers_of(CohortId("town/a/x")) == [CLOSED]
    assert at(book, TODAY).waivers_of(CohortId("town/b")) == []


def test_a_quarantine_is_of_every_channel(tmp_path: Path) -> None:
    opened(tmp_path).install_quarantine(signed_quarantine(quarantine("m0")))
    book = opened(tmp_path)
    assert [at(book, TODAY + days).quarantined for days in (0, 1, 30, 31)] == [set(), {"m0"}, {"m0"}, set()]
    assert at(book, TODAY + 1, Channel.RECEIVED).quarantined == {"m0"}
    assert at(book, TODAY + 1, region=RegionId("east")) == NO_MEASURES


def test_a_quarantine_never_begins_in_a_window_that_has_begun(tmp_path: Path) -> None:
    """Else the meter could be counted in one total of a day and not in the next."""
    for first in (TODAY - 1, TODAY):
        with pytest.raises(Rejected, match="a quarantine begins after"):
            opened(tmp_path).install_quarantine(signed_quarantine(quarantine("m0", first=first)))
    assert at(opened(tmp_path), TODAY) == NO_MEASURES
    opened(tmp_path, replay=True).install_quarantine(signed_quarantine(quarantine("m0", first=TODAY)))
    assert at(opened(tmp_path), TODAY).quarantined == {"m0"}


def test_an_extension_is_installed_of_days_that_are_over_and_there_after_a_restart(tmp_path: Path) -> None:
    """As a waiver: the cycle is over before anybody sees that its bills need more."""
    book = opened(tmp_path, day=TODAY + 400)
    for one in (extension("E-1"), extension("E-1", 2), extension("E-1")):
        assert book.install_extension(signed_extension(one)) == one
    assert book.extensions == [extension("E-1"), extension("E-1", 2)]
    by_results = sorted(opened(tmp_path).extensions, key=lambda one: one.to_bytes())
    assert by_results == book.extensions


def test_an_extension_of_noise_is_in_force_on_its_days_for_its_cohort_and_those_below(tmp_path: Path) -> None:
    for rho in (200, 300, 100):
        opened(tmp_path).install_extension(signed_extension(noise_extension("town/a", rho)))
    opened(tmp_path).install_extension(signed_extension(extension("E-1", 4)))
    book = opened(tmp_path)
    assert [at(book, TODAY + days).rho_more(CohortId("town/a")) for days in (-1, 0, 1)] == [0, 300, 0]
    cohorts = [CohortId(name) for name in ("town/a/x", "town", "town/ab", "town/b")]
    assert [at(book, TODAY).rho_more(cohort) for cohort in cohorts] == [300, 0, 0, 0]
    assert len(at(book, TODAY).extensions_of(CohortId("town/a"))) == 3
    assert at(book, TODAY, Channel.RECEIVED) == at(book, TODAY, region=RegionId("east")) == NO_MEASURES


def test_again_the_same_changes_nothing_even_later(tmp_path: Path) -> None:
    opened(tmp_path).install_quarantine(signed_quarantine(quarantine("m0")))
    book = opened(tmp_path, day=TODAY + 9)
    book.install_quarantine(signed_quarantine(quarantine("m0")))
    for _ in range(2):
        book.install_waiver(signed_waiver(CLOSED))
    assert len(list(tmp_path.glob("*/*.json"))) == 2
    assert at(book, TODAY).waivers == (CLOSED,)


def test_two_signatures_install_nothing(tmp_path: Path) -> None:
    """Threat E42."""
    book = opened(tmp_path)
    with pytest.raises(MalformedMessage, match="not countersigned"):
        book.install_waiver(signed_waiver(CLOSED).model_copy(update={"unblinder_operator": None}))
    with pytest.raises(SignatureInvalid):
        book.install_quarantine(
            signed_quarantine(quarantine("m0")).countersigned("aggregator_operator", operator("utility"))
        )
    with pytest.raises(MalformedMessage, match="the budget extension is not countersigned"):
        book.install_extension(signed_extension(extension("E-1")).model_copy(update={"aggregator_operator": None}))
    with pytest.raises(SignatureInvalid):
        book.install_extension(
            signed_extension(extension("E-1")).countersigned("unblinder_operator", operator("utility"))
        )
    assert at(book, TODAY) == at(book, TODAY + 1) == NO_MEASURES
    assert book.extensions == []
    assert list(tmp_path.glob("*/*.json")) == []


def test_a_file_that_was_changed_keeps_the_service_from_starting(tmp_path: Path) -> None:
    opened(tmp_path).install_waiver(signed_waiver(CLOSED))
    [file] = tmp_path.glob("waivers/*.json")
    forged = signed_waiver(waiver("town/a", 50)).model_copy(update={"utility": bytes(64)})
    write_private(file, forged.to_bytes())
    with pytest.raises(UsageError, match=file.name):
        opened(tmp_path)


def test_an_operator_countersigns_a_file(tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    write_private(passphrase, b"a passphrase of some length")
    home = Home.create(tmp_path / "home", passphrase)
    trust = TrustAnchors(**{**TRUST.model_dump(), "unblinder_operator": bytes(home.signing_key(OPERATOR).verify_key)})
    write_private(home.directory / "trust.json", trust.to_bytes())
    file = tmp_path / "waiver.json"
    signed = SignedWaiver.issue(CLOSED, operator("utility"))
    file.write_bytes(signed.countersigned("aggregator_operator", operator("aggregator_operator")).to_bytes())
    told = countersign_file(home, file, "unblinder_operator")
    assert (told["countersigned"], told["reason"]) == ("60 % of town/a, delivered", CLOSED.reason)
    assert SignedWaiver.from_bytes(file.read_bytes()).opened(trust) == CLOSED


def test_what_a_document_says_is_read_by_its_kind() -> None:
    _, told = proposed(signed_quarantine(quarantine("m0")).to_bytes(), TRUST)
    assert told["name"] == "m0 is not counted"
    _, told = proposed(signed_extension(noise_extension("town/a", 500)).to_bytes(), TRUST)
    assert told["name"] == "noisy totals of town/a, delivered: 500 millionths of rho more"
    _, told = proposed(signed_extension(extension("E-1", 2)).to_bytes(), TRUST)
    assert told["name"] == "results of bills under E-1: 2 more"
    with pytest.raises(SignatureInvalid):
        proposed(all_signed(SignedWaiver.issue(CLOSED, operator("aggregator"))).to_bytes(), TRUST)
