"""The key server: decryptor and unblinder, two halves with a ledger, a policy and an operator each."""
