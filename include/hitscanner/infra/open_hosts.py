"""Hosts that stay open: asynchronous `Remote`s for code that is not, one connection a host."""

import asyncio
import atexit
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import cached_property
from typing import Any, TypeVar

from hitscanner.domain.hosts import VantagePoint
from hitscanner.infra.remote import Remote

T = TypeVar("T")

OpenHost = Callable[[VantagePoint], AbstractAsyncContextManager[Remote]]


class OpenHosts:
    """
    Calls work on hosts from any thread; a connection that breaks is made anew by the next call.

    The connections live in an event loop of their own thread, until `close` or the process ends.
    """

    def __init__(self, open_host: OpenHost) -> None:
        self._open_host = open_host
        self._opened: dict[str, tuple[Remote, AsyncExitStack]] = {}
        self._doors: dict[str, asyncio.Lock] = {}

    def call(self, vp: VantagePoint, work: Callable[[Remote], Awaitable[T]]) -> T:
        """Do *work* on a host and give its result; raises what it raises, RemoteError above all."""
        return asyncio.run_coroutine_threadsafe(self._work(vp, work), self._loop).result()

    def close(self) -> None:
        """Close every connection; a later call opens them again."""
        if "_loop" not in vars(self):
            return
        asyncio.run_coroutine_threadsafe(self._close_all(), self._loop).result(timeout=30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=30)
        self._loop.close()
        del self._loop

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="hosts", daemon=True)
        self._thread.start()
        atexit.register(self.close)
        return loop

    async def _work(self, vp: VantagePoint, work: Callable[[Remote], Awaitable[T]]) -> T:
        remote = await self._open(vp)
        try:
            return await work(remote)
        except Exception:
            await self._forget(vp.name)
            raise

    async def _open(self, vp: VantagePoint) -> Remote:
        async with self._doors.setdefault(vp.name, asyncio.Lock()):
            if vp.name not in self._opened:
                stack = AsyncExitStack()
                remote = await stack.enter_async_context(self._open_host(vp))
                self._opened[vp.name] = remote, stack
            return self._opened[vp.name][0]

    async def _forget(self, name: str) -> None:
        opened = self._opened.pop(name, None)
        if opened is not None:
            await opened[1].aclose()

    def _close_all(self) -> Coroutine[Any, Any, Any]:
        return asyncio.wait_for(self._each_closed(), 20)

    async def _each_closed(self) -> None:
        for name in list(self._opened):
            await self._forget(name)
