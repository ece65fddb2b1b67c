"""Labels that belong to this suite and modulus, and those that belong in one bill."""

from collections.abc import Sequence

from wattseal.cryptosystems.ckks.parameters import MODULUS_ID, CkksParameters
from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.pads.label import Label


def belongs(label: Label, parameters: CkksParameters) -> bool:
    """Whether the label names this suite and modulus."""
    return label.suite == parameters.suite and label.modulus_id == MODULUS_ID


def require_own_labels(labels: Sequence[Label], parameters: CkksParameters) -> None:
    """Raises ParameterError for the first label that names another suite or modulus."""
    for position, label in enumerate(labels):
        if not belongs(label, parameters):
            raise ParameterError(f"label {position} names another suite or modulus")


def require_bill_labels(labels: Sequence[Label], reports: int, parameters: CkksParameters) -> None:
    """Raises ParameterError unless there are as many as reports, all different, of one meter under one key id."""
    if len(labels) != reports:
        raise ParameterError(f"{len(labels)} labels do not match prices of {reports} reports")
    require_own_labels(labels, parameters)
    if reports == 1:
        return
    if len({(label.region, label.meter, label.key_id) for label in labels}) > 1:
        raise ParameterError("labels of one bill name several meters or key ids: their secrets differ")
    if len(set(labels)) < reports:
        raise ParameterError("labels of one bill name a report twice: its errors would count twice")
