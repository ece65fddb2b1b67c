"""One home before one lock: who asks for more and more of it until the lock refuses, and what the others know of it."""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Self

from tests.system.bill_forging import Asked, Numbers, functionals_of
from tests.system.billed_town import BilledTown
from tests.system.services import HALVES
from wattseal.protocol.billing import BillAnswer, BillRelease, BillStatement, Cancels
from wattseal.protocol.ids import HalfRole, Role

NO_RELEASE = bytes(32)
"""What a rebill cites where no release is known: of releases the decryptor alone knows."""


class Lock(ABC):
    """What is granted is about the home alone, what is refused also about a neighbor, whom that must not harm."""

    def __init__(self, town: BilledTown) -> None:
        self.town = town
        self.home, self.neighbor = town.homes(2)
        self._granted: list[tuple[BillStatement, Cancels]] = []
        self._before = {role: town.counter(role) for role in HALVES}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.check_ledgers()

    @abstractmethod
    def check_ledgers(self) -> None:
        """Of both halves, once all is over."""

    @abstractmethod
    def grants(self, asked: Asked) -> None:
        """To the last digit."""

    @abstractmethod
    def refuses(self, asked: Asked, slug: str) -> None:
        """Records the refusal, and nothing else."""

    @abstractmethod
    def grants_again(self) -> None:
        """What was granted last, if anything was, and no more than that."""

    def _new(self, role: HalfRole) -> list[str]:
        """Kinds of the entries that a half's ledger has of all this."""
        return [kind for kind, _ in self.town.entries(role, self._before[role])]

    def _keep(self, statement: BillStatement, release: BillRelease | None) -> None:
        digest = NO_RELEASE if release is None else release.digest()
        self._granted.append((statement, Cancels(statement=statement.digest(), release=digest)))

    def _cancels(self, asked: Asked) -> Cancels | None:
        """Of a later report than the one that was billed: the bill that it takes back."""
        if not self._granted:
            return None
        statement, cancels = self._granted[-1]
        return cancels if asked.number > statement.segments[0].reports[0].number else None

    def _forged(self, asked: Asked, *, with_neighbor: bool) -> BillAnswer:
        """The corrupt aggregator's; its numbers would open."""
        self._report(asked)
        segments = [asked.segment(self.home, self._cancels(asked))]
        if with_neighbor:
            segments.append(replace(asked, number=0).segment(self.neighbor))
        return self.town.forger.answer(self.town.arithmetic.statement(asked, *segments))

    def _report(self, asked: Asked) -> None:
        """As late as it is needed: an honest aggregator goes by the latest report of a home."""
        self.town.report([self.home], asked.cycle, asked.number)
        self.town.report([self.neighbor], asked.cycle)


class AllThree(Lock):
    """A collector who asks honest roles; in the end each half is asked by itself, whatever the others would say."""

    def grants(self, asked: Asked) -> None:
        self._report(asked)
        answer = self.town.answer(asked, self.home, cancels=self._cancels(asked))
        self._keep(BillStatement.from_bytes(answer.statement), self.town.opens_exactly(answer))

    def refuses(self, asked: Asked, slug: str) -> None:
        self._report(asked)
        with self.town.refuses(slug, Role.AGGREGATOR):
            self.town.answer(asked, self.home, cancels=self._cancels(asked))
        answer = self._forged(asked, with_neighbor=True)
        reached = len(self.town.deployment.relay.exchanges)
        with self.town.refuses(slug, Role.DECRYPTOR):
            self.town.client.bill_release(answer)
        assert len(self.town.deployment.relay.exchanges) == reached
        with self.town.refuses(slug, Role.UNBLINDER):
            pads(self.town, answer)

    def grants_again(self) -> None:
        for statement, cancels in self._granted[-1:]:
            again = self.town.client.bill_release(self.town.forger.answer(statement))
            assert again.digest() == cancels.release

    def check_ledgers(self) -> None:
        """What was granted is in both, and nothing was opened beyond it."""
        assert [self._new(role).count("intent") for role in HALVES] == [len(self._granted)] * 2
        assert self._new(Role.DECRYPTOR).count("release") == len(self._granted)


class OneHalf(Lock):
    """The two other roles are corrupt; the other half's real service hears nothing of it."""

    half: HalfRole
    other: HalfRole

    def check_ledgers(self) -> None:
        assert self._new(self.half).count("intent") == len(self._granted)
        assert self._new(self.other) == []

    def grants(self, asked: Asked) -> None:
        answer = self._forged(asked, with_neighbor=False)
        self._keep(BillStatement.from_bytes(answer.statement), self._opens_exactly(answer))

    def refuses(self, asked: Asked, slug: str) -> None:
        answer, before = self._forged(asked, with_neighbor=True), self.town.counter(self.half)
        with self.town.refuses(slug, self.half):
            self._ask(answer)
        assert [kind for kind, _ in self.town.entries(self.half, before)] == ["refusal"]

    def grants_again(self) -> None:
        before = self.town.counter(self.half)
        for statement, _ in self._granted[-1:]:
            self._opens_exactly(self.town.forger.answer(statement))
        assert self.town.counter(self.half) == before

    @abstractmethod
    def _opens_exactly(self, answer: BillAnswer) -> BillRelease | None: ...

    @abstractmethod
    def _ask(self, answer: BillAnswer) -> object: ...


class DecryptorAlone(OneHalf):
    """Aggregator and unblinder have every number and pad that would open what they ask."""

    half, other = Role.DECRYPTOR, Role.UNBLINDER

    def __enter__(self) -> Self:
        relay = self.town.deployment.relay
        self._unblinder, self._honest = self.town.careless_unblinder, relay.target
        self._service = self._unblinder.serve()
        relay.target = self._service.url
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.town.deployment.relay.target = self._honest
        self._service.close()
        super().__exit__(kind, *rest)

    def _opens_exactly(self, answer: BillAnswer) -> BillRelease:
        return self.town.opens_exactly(answer)

    def _ask(self, answer: BillAnswer) -> object:
        """Before the unblinder is asked for anything."""
        asked = self._unblinder.asked
        try:
            return self.town.client.bill_release(answer)
        finally:
            assert self._unblinder.asked == asked


class UnblinderAlone(OneHalf):
    """What aggregator and decryptor get pads of, they open; a collector asks whatever they like."""

    half, other = Role.UNBLINDER, Role.DECRYPTOR

    def _opens_exactly(self, answer: BillAnswer) -> None:
        assert self._ask(answer) == self.town.careless_unblinder.pads(BillStatement.from_bytes(answer.statement))

    def _ask(self, answer: BillAnswer) -> Numbers:
        return pads(self.town, answer)


def pads(town: BilledTown, answer: BillAnswer) -> Numbers:
    """The real unblinder's, for the corrupt decryptor."""
    compiled = town.arithmetic.compiled(BillStatement.from_bytes(answer.statement))
    return town.pad_asker.pads(answer, [len(functionals_of(one)) for _, one in compiled])
