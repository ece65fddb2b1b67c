"""Tariffs: what they say, how they compile to integer functionals, and how opened results become a bill."""
