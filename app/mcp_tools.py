"""The endpoints as MCP tools: what they give back is JSON of the schema that they declare.

A call waits in the same queue as everybody's, without a second request over the network as Gradio would
make. What it is refused for comes back in words with its type, and it ends within a step when its caller
leaves.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import gradio as gr
from anyio import CancelScope
from gradio.data_classes import PredictBodyInternal
from gradio.processing_utils import add_root_url
from gradio.route_utils import get_root_url
from gradio.server_messages import EstimationMessage, ProcessCompletedMessage
from mcp import types
from starlette.requests import Request

from app.arguments import BadArgument
from app.refusals import to_gradio_error
from app.schema import ANSWER
from pipelines.errors import DemoError

JOIN = "/gradio_api/queue/join"  # the path under which Gradio's queue knows a call


def answer_in_json(page: gr.Blocks) -> None:
    """Have the MCP tools of a served page give ANSWER as JSON, and say so in their schema."""
    tools: Any = page.mcp_server_obj
    server = tools.mcp_server
    listed = server.request_handlers[types.ListToolsRequest]

    async def tell(request: types.ListToolsRequest) -> types.ServerResult:
        result = await listed(request)
        for tool in result.root.tools:
            tool.outputSchema = ANSWER
        return result

    server.request_handlers[types.ListToolsRequest] = tell

    @server.call_tool(validate_input=False)  # `app.arguments` says what is wrong in our words
    async def call(name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        try:
            fn, values = _call(page, name, arguments)
            request: Request = server.request_context.request
            output = await _served(page, fn, values, request, server.request_context)
        except gr.Error as error:
            return _refused(error.title, error.message)
        except Exception as error:
            refusal = to_gradio_error(error, public=True)
            return _refused(refusal.title, refusal.message)
        said = output["data"][0]
        text = types.TextContent(type="text", text=json.dumps(said, ensure_ascii=False))
        return types.CallToolResult(content=[text], structuredContent=said)


def _refused(kind: str, sentence: str) -> types.CallToolResult:
    text = types.TextContent(type="text", text=sentence)
    return types.CallToolResult(
        content=[text], structuredContent={"type": kind, "error": sentence}, isError=True
    )


def _call(page: gr.Blocks, name: str, arguments: dict[str, Any]) -> tuple[Any, list[Any]]:
    """Return the endpoint that a tool stands for, and the values of its arguments in order.

    Raises:
        BadArgument: there is no such tool or argument, or one is missing.
    """
    tools: Any = page.mcp_server_obj
    endpoint = tools.tool_to_endpoint.get(name)
    if endpoint is None:
        raise BadArgument(f"There is no tool {name[:40]!r}: there are {', '.join(tools.tool_to_endpoint)}.")
    known = tools.api_info["named_endpoints"][endpoint]["parameters"]
    names = [parameter["parameter_name"] for parameter in known]
    for given in arguments:
        if given not in names:
            raise BadArgument(f"{endpoint} has no argument {given[:40]!r}: it takes {', '.join(names)}.")
    for parameter in known:
        if not parameter["parameter_has_default"] and parameter["parameter_name"] not in arguments:
            raise BadArgument(f"{endpoint} needs the argument {parameter['parameter_name']}.")
    values = [arguments.get(one["parameter_name"], one["parameter_default"]) for one in known]
    return tools.get_block_fn_from_endpoint_name(endpoint), values


async def _served(
    page: gr.Blocks, fn: Any, values: list[Any], request: Request, context: Any
) -> dict[str, Any]:
    """Put a call into the queue, and wait for what comes of it.

    Raises:
        DemoError: the queue is full.
        gr.Error: the call was refused.
    """
    queue: Any = page._queue
    visit = f"mcp-{uuid4().hex}"
    if queue.server_app is None:
        queue.set_server_app(page.server_app)
    joined = Request({**request.scope, "path": JOIN, "raw_path": JOIN.encode()}, request.receive)
    body = PredictBodyInternal(data=values, fn_index=fn._id, session_hash=visit, request=joined)
    token = context.meta.progressToken if context.meta else None
    try:
        success, reason, _ = await queue.push(body=body, request=joined, username=None)
        if not success:
            raise DemoError(f"{reason} Try again in a while.")
        told_so_far = 0
        while True:
            message = await queue.pending_messages_per_session[visit].get()
            if isinstance(message, ProcessCompletedMessage):
                break
            if token is not None:
                await context.session.send_progress_notification(
                    token, told_so_far, message=_progress(message), related_request_id=str(context.request_id)
                )
                told_so_far += 1
    finally:
        with CancelScope(shield=True):  # also where the caller left: what is at work ends with its next step
            await queue.clean_events(session_hash=visit)
        queue.pending_messages_per_session.pop(visit, None)
        queue.pending_event_ids_session.pop(visit, None)
        page.state_holder.session_data.pop(visit, None)
    if not message.success:
        raise gr.Error(str(message.output.get("error")), title=str(message.output.get("title") or "Fault"))
    root = get_root_url(request, route_path="/gradio_api/mcp", root_path=page.root_path)
    return add_root_url(message.output, root, None)


def _progress(message: Any) -> str:
    if isinstance(message, EstimationMessage) and message.rank is not None:
        return f"In the queue, at place {message.rank + 1} of {message.queue_size}."
    return "At work."
