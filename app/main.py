"""From the command line to a running page: settings, the port, the assistant, the page; and a clean end.

The port is tried before anything large is imported. Models are loaded in a thread of their own, so that the
page opens at once and says what it waits for.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pipelines
from app.limits import Limits, add_limits, from_environment, limits_of, may_switch
from app.startup import Startup
from pipelines import heap
from pipelines.errors import DemoError
from pipelines.quiet import quieten, quieten_bars
from pipelines.scratch import clean_up, scratch_folder
from pipelines.settings import Parser, Settings, settings_of, whole_number

if TYPE_CHECKING:
    import gradio as gr

    from pipelines.assistant import Assistant

EXAMPLES = Path(__file__).parent.parent / "assets" / "examples"
FIRST_PORT, PORTS = 7860, 100  # where Gradio begins to look for a free one, and how many it tries
LOOPBACK = "localhost", "127.0.0.1", "::1"
BAD_INPUT, INTERRUPTED, TERMINATED = 2, 130, 143  # exit status
ENVIRONMENT = """\
Each option can be set by the environment as well: SPHINX_MODEL, SPHINX_PORT, ... Gradio's own hold, too:
  GRADIO_SERVER_NAME  the address to listen on; 127.0.0.1 unless it is set, 0.0.0.0 for other computers
  GRADIO_ROOT_PATH    behind a proxy that serves the page under a path: /sphinx, or https://example.org/sphinx;
                      the proxy takes the path off and passes Host and X-Forwarded-Proto on
  FORWARDED_ALLOW_IPS the proxies that are believed who the visitor is (X-Forwarded-For)
  GRADIO_TEMP_DIR     where uploads lie; a folder that is deleted at the end unless it is set
"""


def settings(words: Sequence[str] | None = None) -> tuple[Settings, int | None, int | None, Limits]:
    """Read the command line and the environment: what is loaded, the processes, the port, the limits.

    Raises:
        BadArguments: they make no sense.
    """
    parser = Parser(
        prog="app.py",
        description="SPHINX, live: a page to talk about a picture on; everything named lights up.",
        epilog=ENVIRONMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_settings()
    parser.add_option("--port", type=whole_number(1, 65535), help=f"{FIRST_PORT}, or the next free one")
    parser.add_option(
        "--processes", type=whole_number(1, 2), metavar="N",
        help="2 have the experts for photographs and for counting answer in a process of their own while "
        "several visitors ask (small ones without a GPU on several cores: 2)",
    )  # fmt: skip
    add_limits(parser)
    given = parser.parse_args(words)
    return settings_of(given), given.processes, given.port, limits_of(given)


def check_port(port: int | None) -> None:
    """Try whether the page can be served.

    Args:
        port: the one to serve it at; None for the first free one.
    Raises:
        DemoError: it is taken, or the address is none of this computer's.
    """
    asked = os.environ.get("GRADIO_SERVER_PORT", "")
    if port is None and asked.isdigit():
        port = int(asked)
    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    ports = [port] if port else range(FIRST_PORT, FIRST_PORT + PORTS)
    reason = ""
    for number in ports:
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind((host, number))
            return
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
    which = f"Port {port}" if port else f"None of the ports {FIRST_PORT} to {FIRST_PORT + PORTS - 1}"
    raise DemoError(
        f"{which} of {host} cannot be used ({reason}): choose another with --port, or end what runs there."
    )


def example_pictures(folder: Path = EXAMPLES) -> dict[str, Path]:
    """Return the example pictures by name."""
    return {path.stem.partition("-")[2]: path for path in sorted(folder.glob("*.png"))}


def launch(
    page: gr.Blocks, *, port: int | None = None, wait: bool = True, limits: Limits | None = None
) -> str:
    """Serve the page and return its address.

    The address to listen on is left to Gradio: the loopback, or GRADIO_SERVER_NAME. `wait`: until Ctrl-C.
    `limits`: what one address may ask for, and under which names.

    Raises:
        OSError: the port is taken.
    """
    from starlette.middleware import Middleware

    from app import mcp_tools, models, scripts, serving, ui
    from app.doors import Doors
    from app.leftovers import Fetching, keep_little
    from app.refusals import HANDLERS, limit_places

    limits = limits or from_environment()
    _spare_the_loopback()
    _, address, _ = page.launch(
        _frontend=False,  # else a page that is not answered within 3 s, on a busy machine, is no page
        server_port=port,
        prevent_thread_lock=True,
        theme=ui.theme(),
        head=ui.head(),
        allowed_paths=[str(EXAMPLES)],
        max_file_size=ui.FILE,
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=True,
        app_kwargs={
            "routes": [scripts.route(), models.route(page)],
            "middleware": [
                Middleware(Doors, limits=limits),
                Middleware(Fetching, page=page),
                serving.door_of(page),
            ],
            "exception_handlers": HANDLERS,
        },
    )
    assert page.mcp_server, "requirements.txt asks for gradio[mcp]; without it Gradio leaves MCP off"
    serving.take_over(page)
    mcp_tools.answer_in_json(page)
    keep_little(page)
    limit_places(page, limits)
    if wait:
        threading.Event().wait()
    return address


def _spare_the_loopback() -> None:
    """Keep this computer's own addresses from the proxy out of it: Gradio asks the page whether it is up."""
    for name in ("NO_PROXY", "no_proxy"):
        spared = [*os.environ.get(name, "").split(","), *LOOPBACK, os.environ.get("GRADIO_SERVER_NAME", "")]
        os.environ[name] = "*" if "*" in spared else ",".join(dict.fromkeys(filter(None, spared)))


def main(words: Sequence[str] | None = None, *, gpu: Callable[..., Any] | None = None) -> int:
    """Run the page until it is ended, and return the exit status of a start that failed.

    `gpu`: decorates calls that need a GPU, and wants the models loaded before anything else.
    """
    quieten()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        signal.signal(signal.SIGTERM, lambda *_: end(TERMINATED))
        chosen, processes, port, limits = settings(words)
        check_port(port)
        heap.settle()
        os.environ.setdefault("GRADIO_TEMP_DIR", str(scratch_folder() / "gradio"))
        _serve(chosen, processes, port, limits, gpu)
    except KeyboardInterrupt:
        end(INTERRUPTED)
    except DemoError as error:
        return _refuse(error)
    except OSError as error:  # the port was taken meanwhile, and threads have begun
        end(_refuse(error))
    return 0


def _refuse(error: Exception) -> int:
    sys.stderr.write("error: " + " ".join(str(error).split()) + "\n")
    return BAD_INPUT


def _serve(
    chosen: Settings, processes: int | None, port: int | None, limits: Limits, gpu: Callable[..., Any] | None
) -> None:
    from app import ui
    from pipelines.choices import Others

    def load() -> Assistant:
        quieten_bars()
        return pipelines.load(chosen, gpu=gpu, tell=startup.tell, processes=processes)

    # Where a GPU is lent, the weights must be there before it is
    others = Others(chosen, processes) if may_switch(limits) and not gpu else None
    startup = Startup(load, chosen.model, others=others)
    if gpu:
        startup.run()
    page = ui.build(startup, example_pictures(), limits)
    if not gpu:
        startup.begin()
    launch(page, port=port, limits=limits)


def end(status: int) -> NoReturn:
    """End at once: delete what visitors brought, then leave without waiting for any thread.

    Threads that compute cannot be interrupted, and the interpreter aborts where they outlive it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    clean_up()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
