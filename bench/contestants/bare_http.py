"""aiohttp under uvloop: it reads the body and answers 200.

As an application with a route, which is how aiohttp is used, or as its low-level server, which the gateway stands on.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import web


async def _answer(request: web.BaseRequest) -> web.Response:
    await request.read()
    return web.Response(status=200)


def _runner(kind: str) -> web.BaseRunner:
    if kind == "server":
        return web.ServerRunner(web.Server(_answer, access_log=None))
    application = web.Application()
    application.router.add_post("/v1/hooks/{vendor}/{source}", _answer)
    return web.AppRunner(application, access_log=None)


async def _run(kind: str, port: int) -> None:
    runner = _runner(kind)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1], int(sys.argv[2])))
