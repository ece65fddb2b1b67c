"""Bill answers over a real store: what they state, what they come to, what is refused, and that they are kept."""

import asyncio
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from tests.aggregator.billing import LOG, opened, question, told, upload, upload_of, worker
from tests.aggregator.cycles import (
    BASIC,
    END,
    KEY,
    LAST_DAY,
    MAY,
    OTHER,
    START,
    ZONE,
    cycle_report,
    home,
    region,
    registry,
    residues,
)
from tests.policy.measures import extension, signed_extension
from tests.policy.rosters import REGION
from tests.protocol.tariff.samples import EXPORT, TOU, tariff
from wattseal.aggregator import bills as bills_module
from wattseal.cryptosystems.ckks.parameters import MODULUS, PRIMES
from wattseal.cryptosystems.ckks.residues import from_bytes
from wattseal.protocol.billing import BillAnswer, BillSegment, BillStatement, SegmentReport, local_day, split_numbers
from wattseal.protocol.errors import (
    FunctionalNotPermitted,
    MessageTooLarge,
    NobodyReported,
    PinnedOtherwise,
    RankExhausted,
    UnknownSubject,
    WindowNotClosed,
)
from wattseal.protocol.ids import Channel, MeterId, RegionId, Suite, Window
from wattseal.protocol.report import FlagReason, FlagRun
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.time import MINUTES_PER_DAY

BOTH = (Channel.DELIVERED, Channel.RECEIVED)
NET = tariff(TOU, EXPORT, name="NET")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def segment(meter: str, start: int = START, end: int = END, number: int = 0) -> BillSegment:
    reports = (SegmentReport(channel=Channel.DELIVERED, number=number),)
    return BillSegment(meter=MeterId(meter), start=start, end=end, reports=reports)


def number(ciphertext: bytes, prices: Sequence[int]) -> int:
    """The sum of coefficients times prices modulo q, in Python's integers."""
    first, second = from_bytes(ciphertext, len(prices)).astype(object)
    inverse = pow(PRIMES[0], -1, PRIMES[1])
    coefficients = (a + PRIMES[0] * ((b - a) * inverse % PRIMES[1]) for a, b in zip(first, second, strict=True))
    return int(sum(int(c) * int(y) for c, y in zip(coefficients, prices, strict=True)) % MODULUS)


@pytest.mark.anyio
async def test_the_statement(tmp_path: Path) -> None:
    """Meters in order, each once, however they were asked for; its own signature."""
    known = registry(tmp_path / "registry")
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0", "m1", "m2")
        _, statement = told(await worker(store, known).answer(question("m2", "m0", "m2")))
    assert statement == BillStatement(
        purpose="billing",
        region=REGION,
        tariff=BASIC.fingerprint,
        mode=Mode.AMOUNT,
        timezone=ZONE,
        first=local_day(MAY.first),
        after=local_day(MAY.after),
        suite=Suite.CKKS,
        key_id=KEY.key_id,
        roster_digest=region().fingerprint,
        segments=(segment("m0"), segment("m2")),
    )


@pytest.mark.anyio
@pytest.mark.parametrize("mode", Mode)
async def test_one_number_for_each_functional(tmp_path: Path, mode: Mode) -> None:
    """Of both channels and of meters with one, all in the order of the compiled tariff."""
    rows = [home("m0", channels=BOTH, tariff=NET.name), *(home(f"m{i}", tariff=NET.name) for i in range(1, 6))]
    roster = region(home("m9", channels=BOTH, tariff=NET.name), *rows)
    known = registry(tmp_path / "registry", [roster], [NET])
    count = (END - START) // 15
    sealed = {("m0", channel): residues(count, seed) for seed, channel in enumerate(BOTH)}
    sealed["m1", Channel.DELIVERED] = residues(count, 2)
    async with opened(tmp_path) as store:
        bodies = [cycle_report(c, meter=MeterId(meter), channel=channel) for (meter, channel), c in sealed.items()]
        assert await upload(store, known, *bodies) == ["accepted"] * 3
        asked = question("m0", "m1", tariff=NET.fingerprint, mode=mode)
        answer, statement = told(await worker(store, known).answer(asked))
    compiled = [statement.compiled(each, NET, roster) for each in statement.segments]
    counts = [len(each.functionals) for each in compiled]
    assert counts == ([2, 1] if mode is Mode.AMOUNT else [4, 2])
    for each, parts, numbers in zip(statement.segments, compiled, split_numbers(answer.numbers, counts), strict=True):
        expected = [number(sealed[each.meter, one.item.channel], one.y.tolist()) for one in parts.functionals]
        assert [int.from_bytes(each, "little") for each in numbers] == expected


@pytest.mark.anyio
async def test_flagged_intervals_of_a_segment_whatever_channel(tmp_path: Path) -> None:
    row = [home("m0", channels=BOTH, tariff=NET.name), *(home(f"m{i}", channels=BOTH, tariff=NET.name) for i in (1, 2))]
    known = registry(tmp_path / "registry", [region(*row)], [NET])
    delivered = (FlagRun(0, 4, FlagReason.MISSING), FlagRun(10, 2, FlagReason.SPIKE))
    received = (FlagRun(3, 2, FlagReason.LINEAR),)
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0", flags=delivered)
        await upload_of(store, known, "m0", channel=Channel.RECEIVED, flags=received)
        await upload_of(store, known, "m1")
        await upload_of(store, known, "m1", channel=Channel.RECEIVED)
        answer, _ = told(await worker(store, known).answer(question("m0", "m1", tariff=NET.fingerprint)))
    assert answer.flagged == (7, 0)


@pytest.mark.anyio
async def test_the_highest_number_accepted_or_late(tmp_path: Path) -> None:
    known = registry(tmp_path / "registry")
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0", "m1", "m2")
        await upload_of(store, known, "m1", number=2)
        await store.close(REGION, LAST_DAY, region().fingerprint)
        late = [cycle_report(meter=MeterId(m), number=n) for m, n in (("m2", 1), ("m1", 1), ("m3", 5))]
        assert await upload(store, known, *late) == ["late"] * 3
        _, statement = told(await worker(store, known).answer(question("m0", "m1", "m2", "m3")))
    assert [each.reports[0].number for each in statement.segments] == [0, 2, 1, 5]


@pytest.mark.anyio
async def test_again_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another worker too, after a restart of the store, and without computing."""
    known = registry(tmp_path / "registry")
    asked = question("m0", "m1")
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0", "m1", "m2")
        first = worker(store, known)
        answer = await first.answer(asked)
        other = await first.answer(question("m2"))
        monkeypatch.setattr(bills_module, "permit_bills", None)
        monkeypatch.setattr(bills_module, "bill_numbers", None)
        assert await first.answer(asked) == answer
        assert await first.answer(question("m1", "m0", "m1")) == answer
    async with opened(tmp_path) as store:
        assert await worker(store, known).answer(asked) == answer
        assert await store.read_log(LOG) == [answer, other]


@pytest.mark.anyio
async def test_a_rebill_is_another_statement_until_the_rank_is_used_up(tmp_path: Path) -> None:
    """Threat A6, after a restart as well; a refused statement is not kept."""
    known = registry(tmp_path / "registry")
    async with opened(tmp_path) as store:
        billing = worker(store, known)
        answers = []
        asked = question("m0")
        for rerun in range(2):
            await upload_of(store, known, "m0", number=rerun)
            answers.append(await billing.answer(asked))
            asked = question("m0", cancels=told(answers[-1])[1])
        await upload_of(store, known, "m0", "m1", number=2)
        for each in (billing, worker(store, known)):
            with pytest.raises(RankExhausted, match="8 independent results"):
                await each.answer(asked)
            assert await store.read_log(LOG) == answers
        await billing.answer(question("m0", "m1"))


@pytest.mark.anyio
async def test_an_extension_answers_what_the_rank_refused(tmp_path: Path) -> None:
    """From the next question on; and the answer stays, for a worker that never heard of the extension."""
    known, without = registry(tmp_path / "registry"), registry(tmp_path / "another")
    windows = range(START // MINUTES_PER_DAY, END // MINUTES_PER_DAY + 1)
    granted = extension(BASIC.name, first=Window(windows[0]), last=Window(windows[-1]))
    async with opened(tmp_path) as store:
        billing, asked = worker(store, known), question("m0")
        for rerun in range(2):
            await upload_of(store, known, "m0", number=rerun)
            asked = question("m0", cancels=told(await billing.answer(asked))[1])
        await upload_of(store, known, "m0", number=2)
        with pytest.raises(RankExhausted, match="more than 8 independent"):
            await billing.answer(asked)
        known.measures.install_extension(signed_extension(granted))
        answer = await billing.answer(asked)
        assert await worker(store, without).answer(asked) == answer
        await upload_of(store, known, "m0", number=3)
        with pytest.raises(RankExhausted, match="more than 9 independent"):
            await billing.answer(question("m0", cancels=told(answer)[1]))


@pytest.mark.anyio
@pytest.mark.parametrize("late", [False, True])
async def test_what_is_billed_stays_billed_until_it_is_cancelled(tmp_path: Path, *, late: bool) -> None:
    """A correction changes neither the answer nor another one with more meters; a rebill takes the latest report."""
    known = registry(tmp_path / "registry")
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0", "m1")
        first = await worker(store, known).answer(question("m0"))
        if late:
            await store.close(REGION, LAST_DAY, region().fingerprint)
        corrected = [cycle_report(meter=MeterId("m0"), number=1)]
        assert await upload(store, known, *corrected) == ["late" if late else "accepted"]
        billing = worker(store, known)
        assert await billing.answer(question("m0")) == first
        _, both = told(await billing.answer(question("m0", "m1")))
        assert both.segments == (segment("m0"), segment("m1"))
        with pytest.raises(PinnedOtherwise, match="something else"):
            await billing.answer(question("m0", cancels=told(await billing.answer(question("m1")))[1]))
        asked = question("m0", "m1", cancels=both)
        again = await billing.answer(asked)
        _, statement = told(again)
        assert [each.reports[0].number for each in statement.segments] == [1, 0]
        assert [each.cancels for each in statement.segments] == [asked.rebills[0].cancels, None]
        for each in (billing, worker(store, known)):
            assert await each.answer(asked) == again
            assert told(await each.answer(question("m0")))[1].segments == (segment("m0", number=1),)


@pytest.mark.anyio
async def test_how_many_have_no_report_never_which(tmp_path: Path) -> None:
    known = registry(tmp_path / "registry", [region(*(home(f"m{i}", channels=BOTH[: 1 + i % 2]) for i in range(6)))])
    async with opened(tmp_path) as store:
        billing = worker(store, known)
        with pytest.raises(NobodyReported, match=r"^2 of 2 meters have no report of this cycle$"):
            await billing.answer(question("m0", "m2"))
        await upload_of(store, known, "m0", "m1")
        await upload_of(store, known, "m2", end=END - 15)
        with pytest.raises(NobodyReported, match=r"^3 of 4 meters"):  # m1 lacks a channel, m2's ends too early
            await billing.answer(question("m0", "m1", "m2", "m4"))
        await billing.answer(question("m0"))


@pytest.mark.anyio
async def test_every_segment_needs_a_report(tmp_path: Path) -> None:
    """A customer moved, and a meter was exchanged; more segments than one statement holds are not asked for."""
    day = Window(START // MINUTES_PER_DAY + 10)
    cut = day * MINUTES_PER_DAY
    new = home("m9", service_point="point of m0", account="account of m0", installed=day)
    moved = home("m1", account="next", tenure_since=day)
    after = region(new, moved, *(home(f"m{i}") for i in range(2, 6)), effective=day)
    known = registry(tmp_path / "registry", [region(), after])
    async with opened(tmp_path) as store:
        billing = worker(store, known)
        await upload_of(store, known, "m1", "m9", start=cut)
        await upload_of(store, known, "m0", end=cut)
        with pytest.raises(NobodyReported, match="1 of 3"):
            await billing.answer(question("m0", "m1", "m9"))
        await upload_of(store, known, "m1", end=cut)
        _, statement = told(await billing.answer(question("m0", "m1", "m9")))
        # A report of the whole cycle is one of neither segment.
        await upload_of(store, known, "m1", number=1)
        with pytest.raises(NobodyReported, match="1 of 1"):
            await billing.answer(question("m1", cancels=statement))
    assert statement.roster_digest == after.fingerprint
    assert statement.segments == (
        segment("m0", end=cut),
        segment("m1", end=cut),
        segment("m1", start=cut),
        segment("m9", start=cut),
    )


@pytest.mark.anyio
async def test_too_many_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = registry(tmp_path / "registry")
    monkeypatch.setattr(bills_module, "MOST_SEGMENTS", 2)
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0", "m1", "m2")
        with pytest.raises(MessageTooLarge, match="3 segments are more than 2"):
            await worker(store, known).answer(question("m0", "m1", "m2"))
        await worker(store, known).answer(question("m0", "m1"))


@pytest.mark.anyio
async def test_who_and_what_is_not_known(tmp_path: Path) -> None:
    known = registry(tmp_path / "registry")
    later = Cycle(date(2026, 8, 1), date(2026, 8, 31), ZONE)
    async with opened(tmp_path) as store:
        billing = worker(store, known, now_s=later.minutes[1] * 60.0)
        await upload_of(store, known, "m0")
        with pytest.raises(UnknownSubject, match=r"^1 of 2 meters were not there"):
            await billing.answer(question("m0", "m7"))
        with pytest.raises(UnknownSubject, match="tariff is named that is not registered"):
            await billing.answer(question("m0", tariff=NET.fingerprint))
        with pytest.raises(UnknownSubject, match="1 of 1 meters"):
            await billing.answer(question("m0", region=RegionId("elsewhere")))
        with pytest.raises(UnknownSubject, match="no key is for"):
            await billing.answer(question("m0", cycle=later))


@pytest.mark.anyio
async def test_a_meter_that_the_roster_told_of_too_late(tmp_path: Path) -> None:
    """Installed in May, on the roster since June: the door took no report of May."""
    june = Window(LAST_DAY + 1)
    more = [home(f"n{i}", installed=Window(LAST_DAY - 5), tenure_since=Window(LAST_DAY - 5)) for i in range(2)]
    known = registry(
        tmp_path / "registry", [region(), region(*(home(f"m{i}") for i in range(6)), *more, effective=june)]
    )
    async with opened(tmp_path) as store:
        with pytest.raises(UnknownSubject, match="2 of 3 meters were not there"):
            await worker(store, known).answer(question("m0", "n0", "n1"))


@pytest.mark.anyio
async def test_a_cycle_across_key_periods(tmp_path: Path) -> None:
    """Every report is under the key of the cycle's last day, also of a segment that ended before it began."""
    cut = Window(LAST_DAY - 9)
    keys = [
        KEY.model_copy(update={"last_window": Window(cut - 1)}),
        KEY.model_copy(update={"key_id": 8, "first_window": cut}),
    ]
    after = region(*(home(f"m{i}", account=f"next {i}", tenure_since=cut) for i in range(6)), effective=cut)
    known = registry(tmp_path / "registry", [region(), after], notices=keys)
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0", end=cut * MINUTES_PER_DAY)
        await upload_of(store, known, "m0", start=cut * MINUTES_PER_DAY, key_id=8)
        with pytest.raises(NobodyReported):
            await worker(store, known).answer(question("m0"))
        await upload_of(store, known, "m0", end=cut * MINUTES_PER_DAY, key_id=8, number=1)
        answer = BillAnswer.from_bytes(await worker(store, known).answer(question("m0")))
        assert BillStatement.from_bytes(answer.statement).key_id == 8


@pytest.mark.anyio
@pytest.mark.parametrize(("before_s", "over"), [(1, False), (0, True)])
async def test_the_cycle_is_over(tmp_path: Path, before_s: int, *, over: bool) -> None:
    known = registry(tmp_path / "registry")
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0")
        billing = worker(store, known, now_s=END * 60.0 - before_s)
        if over:
            await billing.answer(question("m0"))
        else:
            with pytest.raises(WindowNotClosed, match="cycle is not over"):
                await billing.answer(question("m0"))


@pytest.mark.anyio
async def test_a_meter_is_billed_under_its_tariff(tmp_path: Path) -> None:
    known = registry(tmp_path / "registry")
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0")
        with pytest.raises(FunctionalNotPermitted, match="not billed under"):
            await worker(store, known).answer(question("m0", tariff=OTHER.fingerprint))
        assert await store.read_log(LOG) == []


@pytest.mark.anyio
async def test_cycles_of_a_meter_do_not_overlap(tmp_path: Path) -> None:
    """Whichever worker asks, whoever answered the other one; cycles beside each other are fine."""
    known = registry(tmp_path / "registry")
    shifted = Cycle(date(2026, 5, 2), date(2026, 6, 1), ZONE)
    june = Cycle(date(2026, 5, 31), date(2026, 6, 30), ZONE)
    async with opened(tmp_path) as store:
        for cycle in (MAY, shifted, june):
            start, end = cycle.minutes
            await upload_of(store, known, "m0", "m1", start=start, end=end)
        await worker(store, known).answer(question("m0"))
        with pytest.raises(FunctionalNotPermitted, match="do not overlap"):
            await worker(store, known).answer(question("m0", cycle=shifted))
        await worker(store, known).answer(question("m1", cycle=shifted))
        await worker(store, known).answer(question("m0", cycle=june))


@pytest.mark.anyio
async def test_one_worker_does_not_race_with_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory is changed for one question at a time: none finds the log longer than it was."""
    known = registry(tmp_path / "registry")
    async with opened(tmp_path) as store:
        await upload_of(store, known, *(f"m{i}" for i in range(6)))
        appended, append = [], store.append

        async def noted(log: str, expected: int, entries: Sequence[bytes]) -> bool:
            appended.append(await append(log, expected, entries))
            return appended[-1]

        monkeypatch.setattr(store, "append", noted)
        billing = worker(store, known)
        await asyncio.gather(*(billing.answer(question(f"m{i}")) for i in range(6)))
    assert appended == [True] * 6


@pytest.mark.anyio
async def test_two_workers_asked_the_same(tmp_path: Path) -> None:
    known = registry(tmp_path / "registry")
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0", "m1")
        workers = [worker(store, known) for _ in range(2)]
        answers = await asyncio.gather(*(each.answer(question("m0", "m1")) for each in workers * 2))
        assert await store.read_log(LOG) == [answers[0]]
        assert len(set(answers)) == 1


@pytest.mark.anyio
@pytest.mark.parametrize(("meter", "permitted"), [("m0", False), ("m1", True)])
async def test_what_another_worker_answered_meanwhile_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meter: str, *, permitted: bool
) -> None:
    """By the rules too: another cycle of m0 was billed between the look at the log and the entry in it."""
    known = registry(tmp_path / "registry")
    shifted = Cycle(date(2026, 5, 2), date(2026, 6, 1), ZONE)
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0")
        await upload_of(store, known, meter, start=shifted.minutes[0], end=shifted.minutes[1])
        slow, quick, append = worker(store, known), worker(store, known), store.append
        kept: list[bytes] = []

        async def overtaken(log: str, expected: int, entries: Sequence[bytes]) -> bool:
            monkeypatch.setattr(store, "append", append)
            kept.append(await quick.answer(question("m0")))
            return await append(log, expected, entries)

        monkeypatch.setattr(store, "append", overtaken)
        if permitted:
            kept.append(await slow.answer(question(meter, cycle=shifted)))
        else:
            with pytest.raises(FunctionalNotPermitted, match="do not overlap"):
                await slow.answer(question(meter, cycle=shifted))
        assert await store.read_log(LOG) == kept


@pytest.mark.anyio
async def test_remembered_though_another_roster_has_taken_its_place(tmp_path: Path) -> None:
    """A replay may install one in between: what was answered stays answered."""
    known, asked = registry(tmp_path / "registry"), question("m0")
    async with opened(tmp_path) as store:
        for rerun in range(2):
            await upload_of(store, known, "m0", number=rerun)
            asked = question("m0", cancels=told(await worker(store, known).answer(asked))[1])
        between = region(*(home(f"m{i}") for i in range(6)), effective=LAST_DAY - 1)
        renewed = registry(tmp_path / "registry", [between])
        await upload_of(store, renewed, "m0", number=2)
        with pytest.raises(RankExhausted):
            await worker(store, renewed).answer(asked)
