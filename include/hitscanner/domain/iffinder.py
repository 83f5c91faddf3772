"""
Read what iffinder 1.38 (`NAME.out`) and miniffinder (`NAME.iffout`) found.

Both have `addr alias oTTL rTTL RTT result …` in a line, so the result is the sixth field whatever
follows; `#` begins a comment.  `D` is an answer from a different address: an alias pair.  A file
that is still called `.tmp` is of a run that was killed.
"""

from collections.abc import Iterator

from hitscanner.domain.addresses import parse_target
from hitscanner.domain.alias_sets import Evidence
from hitscanner.errors import UsageError

ALIAS = "D"
FIELDS = 6


def parse_iffinder(text: str, source: str) -> list[Evidence]:
    """
    Give the alias pairs of a file, sorted, each once.

    Raises:
        UsageError: naming the line that is of neither layout.

    >>> pair, = parse_iffinder("100.64.0.9 100.64.0.6 64 63 0.21 D T -", "x.out")
    >>> pair.a, pair.b, pair.method
    ('100.64.0.6', '100.64.0.9', 'iffinder')
    >>> parse_iffinder("100.64.0.9 - - - - X", "x.iffout")
    []
    >>> parse_iffinder("hello", "x.out")
    Traceback (most recent call last):
    hitscanner.errors.UsageError: x.out line 1: 'hello' is no line of iffinder; give its .out file
    """
    return sorted(set(_pairs(text, source)))


def _pairs(text: str, source: str) -> Iterator[Evidence]:
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        try:
            if words and _result(words) == ALIAS:
                one, other = (str(parse_target(word)) for word in words[:2])
                yield Evidence.of(one, other, "aliases", "iffinder")
        except ValueError:
            raise UsageError(
                f"{source} line {number}: {line.strip()!r} is no line of iffinder;"
                " give its .out file"
            ) from None


def _result(words: list[str]) -> str:
    if len(words) < FIELDS:
        raise ValueError(f"{len(words)} fields")
    return words[5]
