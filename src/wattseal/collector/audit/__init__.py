"""What auditors, regulators and customers read out of the halves' ledgers. Nothing here writes to a ledger."""
