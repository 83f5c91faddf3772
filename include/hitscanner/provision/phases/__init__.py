"""The phases: each plans one part of a host from its facts, and changes nothing itself."""
