"""From the command line to a running page: settings, the assistant, the page.

Models are loaded in a thread of their own, so that the page opens at once and says what it waits for.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

import pipelines
from app import mcp_tools, scripts, ui
from app.startup import Startup
from pipelines import Settings

EXAMPLES = Path(__file__).parent.parent / "assets" / "examples"


def settings(words: Sequence[str] | None = None) -> tuple[Settings, int | None]:
    """Read the command line: what is to be loaded, and the port where one is asked for."""
    defaults = Settings()
    parser = argparse.ArgumentParser(prog="app.py", description=f"{ui.render.NAME}. {ui.render.LINE}")
    parser.add_argument("--model", default=defaults.model, help="a checkpoint's name or folder (%(default)s)")
    parser.add_argument("--segmenter", default=defaults.segmenter, help="what outlines (%(default)s)")
    parser.add_argument("--inpainter", default=defaults.inpainter, help="what edits (%(default)s)")
    parser.add_argument("--device", default=defaults.device, help="auto, cpu, cuda, ... (%(default)s)")
    parser.add_argument("--dtype", default=defaults.dtype, help="auto, float32, bfloat16, ... (%(default)s)")
    parser.add_argument("--port", type=int, help="7860, or the next free one")
    said = parser.parse_args(words)
    return Settings(
        model=said.model,
        segmenter=said.segmenter,
        inpainter=said.inpainter,
        device=said.device,
        dtype=said.dtype,
    ), said.port


def example_pictures(folder: Path = EXAMPLES) -> dict[str, Path]:
    """The example pictures by name."""
    return {path.stem.partition("-")[2]: path for path in sorted(folder.glob("*.png"))}


def launch(page: gr.Blocks, *, port: int | None = None, wait: bool = True) -> str:
    """Serve the page and give its address.

    The address to listen on is left to Gradio: the loopback, or GRADIO_SERVER_NAME. `wait`: until Ctrl-C.
    """
    _, address, _ = page.launch(
        server_port=port,
        prevent_thread_lock=True,
        theme=ui.theme(),
        head=ui.head(),
        allowed_paths=[str(EXAMPLES)],
        max_file_size=ui.FILE,
        state_session_capacity=ui.VISITORS,
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=True,
        app_kwargs={"routes": [scripts.route()]},
    )
    assert page.mcp_server, "requirements.txt asks for gradio[mcp]; without it Gradio leaves MCP off"
    mcp_tools.answer_in_json(page)
    if wait:
        page.block_thread()
    return address


def main(words: Sequence[str] | None = None, *, gpu: Callable[..., Any] | None = None) -> None:
    """Run the page. `gpu`: decorates calls that need a GPU, and wants the models loaded first."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    chosen, port = settings(words)
    startup = Startup(lambda: pipelines.load(chosen, gpu=gpu), chosen.model)
    if gpu:
        startup.run()
    else:
        startup.begin()
    launch(ui.build(startup, example_pictures()), port=port)
