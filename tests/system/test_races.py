"""The same rules when the questions come all at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.system.billed_town import BILL, NOT_OPENED, RANK, BilledTown, flat_at
from tests.system.forging import outcome
from tests.system.town import Town
from wattseal.collector.deployment import DECRYPTOR, UNBLINDER
from wattseal.cryptosystems.ckks.parameters import NUMBER_BYTES


def at_once(act: Callable[..., object], arguments: Sequence[object]) -> list[str]:
    """The outcome for each of the arguments, sorted."""
    with ThreadPoolExecutor(len(arguments)) as pool:
        return sorted(pool.map(lambda argument: outcome(act, argument), arguments))


def test_three_attempts_in_all(town: Town) -> None:
    """Threats A10, E44: at the decryptor."""
    day = town.day(only=("town/a", "town/b"))
    total = town.arithmetic.fold(day.ciphertexts(day.members("town/a")))
    forged = [town.forged(day, "town/a", town.arithmetic.plus(total, by)) for by in range(1, 9)]
    with ThreadPoolExecutor(len(forged)) as pool:
        types = sorted(answer.json()["type"].rpartition(":")[2] for answer in pool.map(town.raw_release, forged))
    assert types == ["attempts-exhausted"] * 5 + ["verification-failed"] * 3
    town.opens_exactly(day, "town/b")


def test_one_set_of_a_cohort(town: Town) -> None:
    """Threats A5, E41: at the unblinder, for the aggregator and the decryptor together."""
    day = town.day(only=("town/c", "town/a"))
    sets = [[meter for meter in day.members("town/c") if meter != without] for without in day.members("town/c")]
    requests = [town.rogue_decryptor.request(town.forged(day, "town/c", b"", members)) for members in sets]
    before = town.counter(UNBLINDER)
    assert at_once(town.rogue_decryptor.send, requests) == ["granted"] + ["pinned-otherwise"] * 23
    assert [kind for kind, _ in town.entries(UNBLINDER, before)].count("intent") == 1
    town.opens_exactly(day, "town/a")


def test_no_small_remainder(town: Town) -> None:
    """Threat A5: at the aggregator; `town/a` reported with 13 of 16, so two of the other three may be answered."""
    day = town.day(only=("town/a", "town/b", "town/c"), without=("a-00", "a-01", "a-02"))
    questions = [town.question(day, cohort) for cohort in ("town", "town/b", "town/c") * 3]
    before = town.counter(DECRYPTOR)
    assert at_once(town.client.answer, questions) == ["granted"] * 6 + ["group-too-small"] * 3
    assert at_once(town.client.answer, questions) == ["granted"] * 6 + ["group-too-small"] * 3
    assert town.counter(DECRYPTOR) == before


def test_the_rank_of_one_home(billed: BilledTown) -> None:
    """Threat A6: at either half, by price vectors that are asked all at once."""
    prices = [flat_at(40_000 + price) for price in range(RANK + 4)]
    billed.register(*(asked.tariff for asked in prices))
    for role, ask in (
        (UNBLINDER, lambda answer: billed.pad_asker.pads(answer, [1])),
        (DECRYPTOR, billed.ask_decryptor),
    ):
        [home] = billed.homes(1)
        answers = [billed.forger.answer(billed.statement(asked, home)) for asked in prices]
        before = billed.counter(role)
        assert at_once(ask, answers) == ["granted"] * RANK + ["rank-exhausted"] * 4
        kinds = [kind for kind, _ in billed.entries(role, before)]
        assert (kinds.count("intent"), kinds.count("refusal")) == (RANK, 4)


def test_three_attempts_at_a_bill(billed: BilledTown) -> None:
    """Threat E44: in eight lists at once, in each of which the other bill opens."""
    home, *others = billed.homes(9)
    statements = [billed.statement(BILL, home, other) for other in others]
    numbers = [[[bytes(NUMBER_BYTES)], billed.forger.numbers(statement)[1]] for statement in statements]
    answers = list(map(billed.forger.answer, statements, numbers))
    before = billed.counter(DECRYPTOR)
    with ThreadPoolExecutor(len(answers)) as pool:
        results = [release.results for release in pool.map(billed.ask_decryptor, answers)]
    assert results == [(NOT_OPENED, billed.expected(statement)[1]) for statement in statements]
    attempted = [body["segments"] for kind, body in billed.entries(DECRYPTOR, before) if kind == "attempt"]
    assert sorted(attempted) == [[0, 1]] * 3 + [[1]] * 5
