"""Which nodes are Ready: asked once for all the hosts of a run that wait, not once for each."""

import asyncio
import time
from dataclasses import dataclass, field

from hitscanner.infra.remote import Remote
from hitscanner.provision import watched

FRESH_S = 1.0
"""How old an answer may be; a kubectl takes the server up to half a second of its processor."""

_ROW = """{.status.conditions[?(@.type=="Ready")].status} {.metadata.name} \
{.status.nodeInfo.kubeletVersion}{"\\n"}"""
SCRIPT = (
    f"{watched.K3S} kubectl --request-timeout=20s get nodes"
    f" --output jsonpath='{{range .items[*]}}{_ROW}{{end}}'"
)


@dataclass
class Nodes:
    """The nodes as the server's kubectl tells them."""

    server: Remote
    _answer: "asyncio.Task[dict[str, str]] | None" = field(default=None, init=False)
    _asked_at: float = field(default=0.0, init=False)

    async def ready(self) -> dict[str, str]:
        """
        Give name -> version of the kubelet, of the nodes that are Ready; none without an answer.

        Raises:
            RemoteError: when the server cannot be worked on.
        """
        now = time.monotonic()
        is_old = now - self._asked_at > FRESH_S
        if self._answer is None or (self._answer.done() and is_old):
            self._asked_at = now
            self._answer = asyncio.create_task(self._ask())
        return await asyncio.shield(self._answer)  # one host's deadline is not the others'

    async def _ask(self) -> dict[str, str]:
        done = await self.server.run(SCRIPT, timeout_s=40)
        return parse(done.out) if done.is_good else {}


def parse(text: str) -> dict[str, str]:
    r"""
    Read `<status of Ready> <name> <version>`, a node a line.

    >>> parse("True us-0001 v1.36.3\nUnknown jp-0001 v1.36.3\n de-0001 v1.36.3\n")
    {'us-0001': 'v1.36.3'}
    """
    rows = (line.split() for line in text.splitlines())
    return {row[1]: row[2] for row in rows if len(row) == 3 and row[0] == "True"}
