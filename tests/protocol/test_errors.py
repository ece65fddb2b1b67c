import pickle
from collections.abc import Iterator

import pytest

from wattseal.protocol import errors
from wattseal.protocol.errors import (
    PROBLEM_PREFIX,
    DominatedGroup,
    MalformedMessage,
    RemoteError,
    WattsealError,
    from_problem,
    problem,
)


def tree(root: type[WattsealError] = WattsealError) -> Iterator[type[WattsealError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child)


ALL = list(tree())


def drawn() -> dict[str, str]:
    """Each class of the drawing at the top of the file, and the class that it hangs from."""
    above: list[str] = ["WattsealError"]
    parents = {}
    for line in (errors.__doc__ or "").splitlines():
        branch, mark, rest = line.partition("── ")
        if mark:
            depth = 1 + len(branch) // 4
            above[depth:] = [rest.split()[0]]
            parents[above[depth]] = above[depth - 1]
    return parents


def test_the_drawn_tree_is_the_real_one() -> None:
    assert drawn() == {error.__name__: error.__base__.__name__ for error in ALL[1:] if error.__base__}
    assert len(ALL) > 20


def test_every_class_has_a_slug_of_its_own() -> None:
    assert len({error.slug for error in ALL}) == len(ALL)
    assert all("slug" in vars(error) for error in ALL)
    assert all(error.slug.replace("-", "").isalpha() and error.slug.islower() for error in ALL)


@pytest.mark.parametrize("error", ALL)
def test_statuses_are_of_errors(error: type[WattsealError]) -> None:
    assert 400 <= error.status <= 599
    assert error.title
    assert not error.title.endswith(".")


@pytest.mark.parametrize("error", ALL)
def test_a_problem_document_and_back(error: type[WattsealError]) -> None:
    document = problem(error("what is wrong"))
    assert document == {
        "type": f"urn:wattseal:problem:{error.slug}",
        "title": error.title,
        "status": error.status,
        "detail": "what is wrong",
    }
    back = from_problem(document)
    assert type(back) is error
    assert back.detail == "what is wrong"


def test_a_known_document() -> None:
    assert problem(DominatedGroup("one member is above 15 %")) == {
        "type": "urn:wattseal:problem:dominated-group",
        "title": "The privacy rules do not permit this",
        "status": 403,
        "detail": "one member is above 15 %",
    }


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        7,
        {},
        {"type": "about:blank"},
        {"type": None},
        {"type": [{}]},
        {"type": PROBLEM_PREFIX + "new"},
    ],
    ids=str,
)
def test_an_unknown_problem_is_a_remote_error(document: object) -> None:
    assert type(from_problem(document)) is RemoteError


def test_a_remote_detail_is_cut() -> None:
    document = {"type": PROBLEM_PREFIX + MalformedMessage.slug, "detail": "x" * 10_000}
    assert from_problem(document).detail == "x" * 500


@pytest.mark.parametrize("error", ALL)
def test_errors_come_back_from_another_process(error: type[WattsealError]) -> None:
    """A process pool pickles what a worker raised; one that cannot be read back breaks the pool."""
    again = pickle.loads(pickle.dumps(error("detail")))  # noqa: S301 - our own bytes
    assert type(again) is error
    assert again.detail == "detail"
