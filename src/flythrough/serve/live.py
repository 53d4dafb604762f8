"""Live flights over a WebSocket, and over HTTP what flights there are.

/v1/realtime_video/generate speaks sglang's realtime protocol, binary msgpack both ways: keys or poses in, frames out.
See `flythrough.serve.realtime` for what a client may say, and docs for what is beyond the peer's protocol.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from flythrough.errors import InputError
from flythrough.serve.berth import Flight
from flythrough.serve.cockpit import ERRORS, Cockpit, End, binary, error_message, path_dict
from flythrough.serve.flights import Flights
from flythrough.serve.hangar import FlightDeleted, FlightInfo, FlightList
from flythrough.serve.realtime import Rejected, init_of, pack
from flythrough.serve.schema import CameraPoses
from flythrough.serve.server import Server

log = logging.getLogger("flythrough.serve")
router = APIRouter()
PROTOCOL = "flythrough"  # the subprotocol of clients that must name one, such as browsers that send a token in another


class FlownPath(CameraPoses):
    """Where a flight has been. frames: how many poses there are in all."""

    frames: int


@asynccontextmanager
async def life(server: Server) -> AsyncIterator[None]:
    """Flights may begin as long as the block lasts; at its end all of them are on disk."""
    await server.flights.start()
    try:
        yield
    finally:
        await server.flights.close()


def _flights(connection: HTTPConnection) -> Flights:
    return connection.app.state.server.flights


Here = Annotated[Flights, Depends(_flights)]


@router.websocket("/v1/realtime_video/generate")
async def generate(socket: WebSocket, flights: Here) -> None:
    """A live flight, from init to close."""
    await socket.accept(PROTOCOL if PROTOCOL in socket.scope.get("subprotocols", ()) else None)
    end = End(1013, "too many connections")
    if flights.sockets < flights.limits.connections:
        flights.sockets += 1
        try:
            end = await _served(socket, flights)
        except asyncio.CancelledError:  # the server does not wait any longer, and neither does this task
            end = End(1012, "the server is going down")
        finally:
            flights.sockets -= 1
    with suppress(RuntimeError, WebSocketDisconnect):
        await socket.close(end.code, end.reason)


@router.get("/v1/sessions")
async def listed(flights: Here) -> FlightList:
    """All live flights, in memory and at rest, the one used last first."""
    return FlightList(data=flights.listed())


@router.get("/v1/sessions/{id}")
async def one(id: str, flights: Here) -> FlightInfo:
    """One live flight."""
    return flights.info(_found(flights, id))


@router.delete("/v1/sessions/{id}")
async def delete(id: str, flights: Here) -> FlightDeleted:
    """Delete a flight; whoever is in it is put out."""
    _found(flights, id)
    await flights.delete(id)
    return FlightDeleted(id=id)


@router.get("/v1/sessions/{id}/path")
async def path(id: str, flights: Here, every: Annotated[int, Query(ge=1, le=1000)] = 1) -> FlownPath:
    """The camera path of a flight so far: every so-manieth pose, and the last."""
    flown = await flights.path(_found(flights, id))
    return FlownPath(**await asyncio.to_thread(path_dict, flown, every))


def _found(flights: Flights, id: str) -> Flight:
    try:
        return flights.get(id)
    except Rejected as error:
        raise HTTPException(404, str(error)) from None


async def _served(socket: WebSocket, flights: Flights) -> End:
    """One client, from its first message to its last; nothing it does goes further than its own flight."""
    try:
        boarded = await _boarded(socket, flights)
        if isinstance(boarded, End):
            return boarded
        cockpit, flight = boarded
        try:
            return await cockpit.fly(flight)
        except (WebSocketDisconnect, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("flight %s has crashed", flight.id)
            flights.abandon(flight)
            return await _failed(socket)
        finally:
            flights.left(flight, cockpit)
    except WebSocketDisconnect as gone:
        return End(gone.code, "")


async def _boarded(socket: WebSocket, flights: Flights) -> tuple[Cockpit, Flight] | End:
    """Wait for a first message that can be followed."""
    for _ in range(ERRORS):
        try:
            async with asyncio.timeout(flights.limits.init_s):
                message = await socket.receive()
        except TimeoutError:
            return End(1008, "no init in time")
        if message["type"] == "websocket.disconnect":
            return End(message.get("code", 1005), "")
        try:
            init = init_of(binary(message))
            if flights.closing:
                return End(1012, "the server is going down")
            cockpit = Cockpit(socket, flights, init)
            return cockpit, await flights.board(init, cockpit)
        except InputError as error:
            await socket.send_bytes(pack(error_message(error)))
            if isinstance(error, Rejected) and error.code == "busy":
                return End(1008, "busy")
        except WebSocketDisconnect:
            raise
        except Exception:
            log.exception("a flight could not be opened")
            return await _failed(socket)
    return End(1008, "too many messages that make no sense")


async def _failed(socket: WebSocket) -> End:
    error = Rejected("something went wrong in the server; its log says more", "internal", retryable=True)
    with suppress(RuntimeError, WebSocketDisconnect):
        await socket.send_bytes(pack(error_message(error)))
    return End(1011, "internal error")
