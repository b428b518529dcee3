"""The endpoints as MCP tools: what they give back is JSON, and their schema says so."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from gradio.processing_utils import add_root_url
from mcp import types

from app.schema import ANSWER


def answer_in_json(page: gr.Blocks) -> None:
    """Have the MCP tools of a served page give ANSWER as JSON, and say so in their schema.

    Left alone, Gradio writes an object to MCP as Python does, and does not say what a tool gives back.
    """
    tools: Any = page.mcp_server_obj
    handlers = tools.mcp_server.request_handlers
    listed, called = handlers[types.ListToolsRequest], handlers[types.CallToolRequest]

    def written(data: Any, root_url: str) -> list[types.TextContent]:
        return [
            types.TextContent(type="text", text=json.dumps(output, ensure_ascii=False))
            for output in add_root_url(data, root_url, None)
        ]

    async def tell(request: types.ListToolsRequest) -> types.ServerResult:
        result = await listed(request)
        for tool in result.root.tools:
            tool.outputSchema = ANSWER
        return result

    async def call(request: types.CallToolRequest) -> types.ServerResult:
        result = await called(request)
        if not result.root.isError:
            result.root.structuredContent = json.loads(result.root.content[0].text)
        return result

    tools.postprocess_output_data = written
    handlers[types.ListToolsRequest], handlers[types.CallToolRequest] = tell, call
