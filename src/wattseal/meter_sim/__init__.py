"""The meters' side: where reads come from, sealing, and upload. Simulated fleets and replayed interval files."""
