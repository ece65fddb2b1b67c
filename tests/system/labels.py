"""The labels of a statement's reports, as every party computes them."""

from collections.abc import Mapping

from wattseal.cryptosystems.pads.label import Label
from wattseal.protocol.ids import Kind, MeterId
from wattseal.protocol.statement import TotalStatement
from wattseal.protocol.time import window_minutes


def labels_of(
    statement: TotalStatement, members: Mapping[MeterId, int], modulus_id: bytes, check_key: bytes
) -> list[Label]:
    """In the order of `members`; `check_key` is the id of the month's."""
    start, end = window_minutes(statement.window)
    return [
        Label(
            suite=statement.suite,
            modulus_id=modulus_id,
            region=statement.region,
            meter=meter,
            kind=Kind.DAILY,
            channel=statement.channel.code,
            start=start,
            end=end,
            key_id=statement.key_id,
            number=number,
            check_key_id=check_key,
        )
        for meter, number in members.items()
    ]
