"""What hitscanner knows without touching anything: pure functions over frozen values."""
