"""The simulated Internet."""
