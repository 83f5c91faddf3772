"""What the test cluster says when it cannot go on."""


class LabError(Exception):
    """One line with the cause and, where there is one, the remedy."""
