"""Effects behind small Protocols: files, vantage points, programs, drives."""
