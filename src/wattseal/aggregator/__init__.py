"""The aggregator: takes reports, keeps them, adds ciphertexts. It holds no secret of a meter and trusts nobody."""
