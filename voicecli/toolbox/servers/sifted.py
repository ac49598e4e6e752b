"""What a server lists, without the tools that the official package would refuse the whole list for.

Belongs here: a list of tools on its way to the package. Does not belong here: what a tool is to us (listed).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from anyio.streams.memory import MemoryObjectReceiveStream
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCResponse
from mcp_types.methods import validate_server_result

from voicecli.toolbox.arguments import brief

LIST = "tools/list"


class SiftedMessages:
    """The messages of a server; `left_out` hears of each tool that is no tool. One that lacks no more than a proper
    schema stays, and takes any arguments.
    """

    def __init__(
        self, messages: MemoryObjectReceiveStream[SessionMessage | Exception], left_out: Callable[[str], object]
    ) -> None:
        self._messages, self._left_out = messages, left_out
        self._version = "2025-11-25"

    async def __aenter__(self) -> SiftedMessages:
        await self._messages.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def receive(self) -> SessionMessage | Exception:
        """The next message. Raises what the stream raises."""
        return await self.__anext__()

    async def aclose(self) -> None:
        """Closes the stream."""
        await self._messages.aclose()

    def __aiter__(self) -> SiftedMessages:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        got = await self._messages.__anext__()
        answer = got.message if isinstance(got, SessionMessage) else None
        if isinstance(answer, JSONRPCResponse):
            self._version = str(answer.result.get("protocolVersion", self._version))
            if isinstance(tools := answer.result.get("tools"), list):
                answer.result["tools"] = [tool for each in tools if (tool := self._usable(answer.result, each))]
        return got

    def _usable(self, result: Mapping[str, object], tool: object) -> object:
        """The tool, or what can be used of it; None: nothing."""
        if isinstance(tool, dict):
            bare = {"name": tool.get("name"), "inputSchema": {"type": "object"}}
            described = isinstance(tool.get("description"), str)
            bare |= {"description": tool["description"]} if described else {}
            for each in (tool, bare):
                if self._passes({**result, "tools": [each]}):
                    return each
        self._left_out(brief(str(tool.get("name") if isinstance(tool, dict) else tool), 60))
        return None

    def _passes(self, result: Mapping[str, object]) -> bool:
        try:
            validate_server_result(LIST, self._version, result)
        except ValueError:
            return False
        except KeyError:  # a version that the package does not judge
            return True
        return True
