"""Measurements beside a peer, as ratios of one run. A module joins by having a `main()`."""
