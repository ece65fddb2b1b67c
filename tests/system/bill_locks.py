"""One home before one lock: who asks for more and more of it until the lock refuses, and what the others know of it."""

from dataclasses import replace
from typing import Self

from tests.system.bill_forging import Asked, functionals_of
from tests.system.billed_town import BilledTown
from tests.system.services import HALVES
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER
from wattseal.protocol.billing import BillAnswer, BillRelease, BillStatement, Cancels
from wattseal.protocol.ids import Role

NO_RELEASE = bytes(32)
"""What a rebill cites where no release is known: of releases the decryptor alone knows."""


class Lock:
    """A statement asks about the home; one that is to be refused also about a neighbor, whom that must not harm."""

    refused_by: Role

    def __init__(self, town: BilledTown) -> None:
        self.town = town
        self.home, self.neighbor = town.homes(2)
        self._granted: list[tuple[BillStatement, Cancels]] = []
        self._counters = {role: town.counter(role) for role in HALVES}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.left_as_they_were()

    def left_as_they_were(self) -> None:
        """The other half knows nothing of all this."""
        [other] = [role for role in HALVES if role is not self.refused_by]
        assert self.town.entries(other, self._counters[other]) == []

    def grants(self, asked: Asked) -> None:
        """By the statement of the corrupt aggregator, about the home alone."""
        statement = self._statement(asked)
        release = self._granted_once(self.town.forger.answer(statement))
        digest = NO_RELEASE if release is None else release.digest()
        self._granted.append((statement, Cancels(statement=statement.digest(), release=digest)))

    def refuses(self, asked: Asked, slug: str) -> None:
        """Records the refusal, and nothing else."""
        answer = self.town.forger.answer(self._statement(asked, with_neighbor=True))
        before = self.town.counter(self.refused_by)
        with self.town.refuses(slug, self.refused_by):
            self._ask(answer)
        assert [kind for kind, _ in self.town.entries(self.refused_by, before)] == ["refusal"]

    def grants_again(self) -> None:
        """What was granted last, and no more than that."""
        before = self.town.counter(self.refused_by)
        for statement, _ in self._granted[-1:]:
            self._granted_once(self.town.forger.answer(statement))
        assert self.town.counter(self.refused_by) == before

    def cancels(self, asked: Asked) -> Cancels | None:
        """Of a later report than the one that was billed: the bill that it takes back."""
        if not self._granted:
            return None
        statement, cancels = self._granted[-1]
        return cancels if asked.number > statement.segments[0].reports[0].number else None

    def _statement(self, asked: Asked, *, with_neighbor: bool = False) -> BillStatement:
        self._report(asked)
        segments = [asked.segment(self.home, self.cancels(asked))]
        if with_neighbor:
            segments.append(replace(asked, number=0).segment(self.neighbor))
        return self.town.arithmetic.statement(asked, *segments)

    def _report(self, asked: Asked) -> None:
        """What it is about, as late as that: an honest aggregator goes by the latest report of a home."""
        self.town.report([self.home], asked.cycle, asked.number)
        self.town.report([self.neighbor], asked.cycle)

    def _granted_once(self, answer: BillAnswer) -> BillRelease | None:
        raise NotImplementedError

    def _ask(self, answer: BillAnswer) -> object:
        raise NotImplementedError


class DecryptorAlone(Lock):
    """Aggregator and unblinder are corrupt, and have every number and pad that would open what they ask."""

    refused_by = DECRYPTOR

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

    def _granted_once(self, answer: BillAnswer) -> BillRelease:
        return self.town.opens_exactly(answer)

    def _ask(self, answer: BillAnswer) -> object:
        """Before the unblinder is asked for anything."""
        asked = self._unblinder.asked
        try:
            return self.town.client.bill_release(answer)
        finally:
            assert self._unblinder.asked == asked


class UnblinderAlone(Lock):
    """Aggregator and decryptor are corrupt: what they get pads of, they open."""

    refused_by = UNBLINDER

    def _granted_once(self, answer: BillAnswer) -> None:
        statement = BillStatement.from_bytes(answer.statement)
        assert self._ask(answer) == self.town.careless_unblinder.pads(statement)

    def _ask(self, answer: BillAnswer) -> object:
        compiled = self.town.arithmetic.compiled(BillStatement.from_bytes(answer.statement))
        return self.town.pad_asker.pads(answer, [len(functionals_of(one)) for _, one in compiled])


class AllThree(Lock):
    """A collector who asks honest roles; at the end each of them is asked by itself, whatever the others would say."""

    def left_as_they_were(self) -> None:
        """All three know."""

    def grants(self, asked: Asked) -> None:
        self._report(asked)
        answer = self.town.answer(asked, self.home, cancels=self.cancels(asked))
        statement = BillStatement.from_bytes(answer.statement)
        release = self.town.opens_exactly(answer)
        self._granted.append((statement, Cancels(statement=statement.digest(), release=release.digest())))

    def refuses(self, asked: Asked, slug: str) -> None:
        self._report(asked)
        with self.town.refuses(slug, AGGREGATOR):
            self.town.answer(asked, self.home, cancels=self.cancels(asked))
        answer = self.town.forger.answer(self._statement(asked, with_neighbor=True))
        reached = len(self.town.deployment.relay.exchanges)
        with self.town.refuses(slug, DECRYPTOR):
            self.town.client.bill_release(answer)
        assert len(self.town.deployment.relay.exchanges) == reached
        with self.town.refuses(slug, UNBLINDER):
            self.town.pad_asker.pads(answer, [])

    def grants_again(self) -> None:
        for statement, cancels in self._granted[-1:]:
            again = self.town.client.bill_release(self.town.forger.answer(statement))
            assert again.digest() == cancels.release
