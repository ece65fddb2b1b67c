"""Whoever asks: client library, command line, trial runs. Sees released totals and nothing else."""
