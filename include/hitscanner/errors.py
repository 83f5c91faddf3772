"""
Every error a user can cause, as one tree.

Each message is one line that names the cause and the remedy.  The class decides the exit code of
the command line (design: 0 done, 1 usage or bad input, 2 done in part, 3 failed); "done in part"
is a result, not an error, so nothing here has the code 2.

::

    HitscannerError                  exit 1
    ├── UsageError                   exit 1   the input is wrong, nothing was sent
    │   ├── InvalidNameError                  a vantage point or list has an impossible name
    │   ├── InventoryError                    the inventory cannot be read as one
    │   ├── UnknownVantagePointError          no vantage point has that name or tag
    │   ├── NoVantagePointError               nobody is left to probe
    │   ├── UnknownKeyError                   a parameter with a name we do not know
    │   ├── InvalidValueError                 a known parameter with an impossible value
    │   ├── TargetListError                   a line of a target list cannot be read
    │   ├── EmptyListError                    a list without a target
    │   ├── TooManyTargetsError               a sample that would expand past the limit
    │   ├── NoTargetLeftError                 every target was excluded
    │   └── DoNotProbeError                   the do-not-probe list is missing or unreadable
    ├── MeasurementFailedError       exit 3   it was started and did not succeed
    └── UnfinishedError              exit 3   it did not succeed yet; another try goes on
"""


class HitscannerError(Exception):
    """
    Base of every error with a message meant for the user.

    >>> HitscannerError.exit_code, UsageError.exit_code, MeasurementFailedError.exit_code
    (1, 1, 3)
    """

    exit_code: int = 1
    """What the command line returns when this error ends it."""


class UsageError(HitscannerError):
    """The input is wrong and nothing was sent; mend the input and start again."""


class InvalidNameError(UsageError):
    """A vantage point or list has a name that cannot be a file name, host name or task index."""


class InventoryError(UsageError):
    """The inventory is not TOML, lacks something, or contradicts itself."""


class UnknownVantagePointError(UsageError):
    """A vantage point was asked for whose name or tag is not in the inventory."""


class NoVantagePointError(UsageError):
    """There is no vantage point to probe from."""


class UnknownKeyError(UsageError):
    """A parameter has a name that no parameter has."""


class InvalidValueError(UsageError):
    """A parameter has a value outside what it allows."""


class TargetListError(UsageError):
    """A line of a target list is neither an address nor a prefix."""


class EmptyListError(UsageError):
    """A target list holds no target at all."""


class TooManyTargetsError(UsageError):
    """Sampling a list would give more targets than one cycle may have."""


class NoTargetLeftError(UsageError):
    """Every target of a list was excluded, so there is nothing to probe."""


class DoNotProbeError(UsageError):
    """The do-not-probe list is missing, empty or unreadable: nothing may be sent."""


class MeasurementFailedError(HitscannerError):
    """A measurement was started and did not succeed."""

    exit_code = 3


class UnfinishedError(HitscannerError):
    """Something is missing that another try may bring; what is there is kept."""

    exit_code = 3
