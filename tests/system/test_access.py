"""Tokens at the real services: an end, a budget, a scope and a purpose, each refused with a type of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.commands.shell import module
from tests.system.town import Town
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER
from wattseal.edge.access import Holder, Scope, add_token
from wattseal.edge.client import RoleClient
from wattseal.protocol.errors import (
    BudgetSpent,
    Forbidden,
    PurposeNotPermitted,
    TokenExpired,
    Unauthorized,
)
from wattseal.protocol.statement import Answer


@contextmanager
def holding(town: Town, token: str) -> Iterator[RoleClient]:
    with RoleClient(town.deployment.urls().aggregator, token) as client:
        yield client


def added(town: Town, name: str, *options: object) -> str:
    done = module("aggregator", "token", "add", "--data", town.places.of(AGGREGATOR), "--name", name, *options)
    token: str = done.json["token"]
    return token


def test_a_token_that_has_expired(town: Town) -> None:
    day = town.day(only=("town/b",))
    ended = Holder(name="former", scopes=(Scope.COLLECTOR,), token_key=bytes(32), expires=1)
    token = add_token(town.places.of(AGGREGATOR) / "tokens.json", ended)
    with holding(town, token) as client, pytest.raises(TokenExpired):
        client.post("/v1/totals", town.question(day, "town/b"))


def test_a_budget_and_a_revocation_from_the_next_request_on(town: Town) -> None:
    """Threat C24: whatever a token was made for, it makes the service work so often and no more."""
    day = town.day(only=("town/b", "hamlet"))
    token = added(town, "university", "--scope", "collector", "--questions-per-day", 2)
    with holding(town, token) as client:
        Answer.parse(client.post("/v1/totals", town.question(day, "town/b")))
        with pytest.raises(Exception, match="fewer than"):
            client.post("/v1/totals", town.question(day, "hamlet"))
        with pytest.raises(BudgetSpent):
            client.post("/v1/totals", town.question(day, "town/b"))
        module("aggregator", "token", "revoke", "--data", town.places.of(AGGREGATOR), "--name", "university")
        with pytest.raises(Unauthorized):
            client.post("/v1/totals", town.question(day, "town/b"))
    town.opens_exactly(day, "town/b")


def test_a_purpose_is_for_the_scopes_that_it_names(town: Town) -> None:
    """Threat C21: at each of the three, whatever the others let pass."""
    day = town.day(only=("town/b",))
    fold = town.arithmetic.fold(day.ciphertexts(day.members("town/b")))
    forged = town.forged(day, "town/b", fold, purpose="billing")
    with town.refuses("purpose-not-permitted", DECRYPTOR):
        town.release(forged)
    with town.refuses("purpose-not-permitted", UNBLINDER):
        town.rogue_decryptor.pads(forged)
    with pytest.raises(PurposeNotPermitted):
        town.answer(day, "town/b", "billing")
    token = added(town, "clerk", "--scope", "billing")
    with holding(town, token) as client, pytest.raises(Forbidden):
        client.post("/v1/totals", town.question(day, "town/b"))
    town.opens_exactly(day, "town/b")


def test_what_an_operator_sees_of_tokens(town: Town) -> None:
    home = town.places.of(AGGREGATOR)
    token = added(town, "planner", "--scope", "collector", "--scope", "auditor", "--days", 30)
    listed = module("aggregator", "token", "list", "--data", home)
    assert token not in listed.stdout
    assert '"name": "planner", "scopes": ["collector", "auditor"]' in listed.stdout
    again = module("aggregator", "token", "add", "--data", home, "--name", "planner", "--scope", "fleet")
    assert (again.status, again.words) == (2, "--name planner: there is a token of that name, revoke it first")
    unknown = module("keyserver", "token", "revoke", "--data", town.places.of(DECRYPTOR), "--name", "planner")
    assert (unknown.status, unknown.words) == (2, "there is no token of the name planner")
    odd = module("keyserver", "token", "add", "--data", town.places.of(DECRYPTOR), "--name", "A b", "--scope", "fleet")
    assert odd.status == 2
    assert odd.words.startswith("--name: String should match pattern")
