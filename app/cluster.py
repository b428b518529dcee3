"""The demo on a Ray cluster: the three models as deployments with replicas of their own, and the page.

    serve run app.cluster:demo
    serve run app.cluster:demo model=sphinx-v2-1k vlm_replicas=1-4 gpus=1

The page is the one of `app.py` over the same assistant, which has a handle in place of each model. It listens
at its own port; Serve's port leads there, and has the metrics of all replicas under /metrics. The models, and
what they answer, are the business of `pipelines`; this module knows replicas, queues and what to count.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import aclosing
from typing import Any

import httpx
import ray
from pydantic import BaseModel, Field
from ray import serve
from ray.exceptions import RayError
from ray.serve import metrics
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from app import main
from app.limits import add_limits, limits_of
from app.startup import Startup
from pipelines import catalog, heap, remote
from pipelines.assistant import Assistant
from pipelines.engine import About
from pipelines.errors import LOST, DemoError, ModelLost, TooBusy
from pipelines.settings import Parser, Settings, settings_of
from pipelines.threads import in_thread

ONGOING = {"vlm": 16, "segmenter": 4, "inpainter": 1}  # requests that a replica answers together
WAITING = 64  # requests that may wait for a deployment; more are refused
PICTURES = 64  # pictures that a replica is known to have seen; later questions about them go there
VERBS = {
    "vlm": ("stream", "in_distribution", "is_drawn"),
    "segmenter": ("outline",),
    "inpainter": ("paint",),
}
METRIC = re.compile(r"(# (HELP|TYPE) )?ray_sphinx_")
SECONDS: list[float] = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60]  # bounds of the histogram of first words


class Replicas(BaseModel):
    """The arguments of `serve run`. Numbers of replicas are "2", or "1-4" to follow the load.

    What is not given is what the environment says (SPHINX_MODEL, ...).
    """

    model: str = ""
    segmenter: str = ""
    inpainter: str = ""
    device: str = ""
    dtype: str = ""
    vlm_replicas: str = "1"
    segmenter_replicas: str = "1"
    inpainter_replicas: str = "1"
    cpus: float = Field(default=1.0, ge=0)
    gpus: float = Field(default=0.0, ge=0)
    port: int = Field(default=main.FIRST_PORT, ge=1, le=65535)

    def settings(self) -> Settings:
        """Return what is loaded."""
        parser = Parser(prog="serve run app.cluster:demo")
        parser.add_settings()
        given = [f"--{name}={getattr(self, name)}" for name in Settings.__slots__ if getattr(self, name)]
        return settings_of(parser.parse_args(given))


Load = Callable[[str, Settings], tuple[Any, About | None]]
"""(vlm, segmenter or inpainter; what is loaded) -> the model, and what is known of SPHINX."""


def load(kind: str, settings: Settings) -> tuple[Any, About | None]:
    """Load one of the three models, in the replica that has it."""
    device, why = catalog.find_device(settings.device)
    if kind == "segmenter":
        return catalog.load_segmenter(settings.segmenter, device), None
    if kind == "inpainter":
        return catalog.load_inpainter(settings.inpainter, device), None
    released = catalog.is_released(settings.model)
    dtype, because = catalog.find_dtype(settings.dtype, device, released=released)
    return catalog.load_vlm(settings.model, device, dtype, f"{why}; {because}")


def demo(args: Replicas) -> serve.Application:
    """Return the application that `serve run` runs."""
    return application(args, load)


def application(args: Replicas, load: Load) -> serve.Application:
    """Three deployments of models, and the page before them. `load`: loads a model in its replica."""
    settings = args.settings()
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("SPHINX_", "GRADIO_", "HF_", "TORCH_"))
    }
    actor = {"runtime_env": {"env_vars": environment}}
    counts = {
        "vlm": args.vlm_replicas,
        "segmenter": args.segmenter_replicas,
        "inpainter": args.inpainter_replicas,
    }
    models = [
        Model.options(
            name=kind,
            max_ongoing_requests=ONGOING[kind],
            max_queued_requests=WAITING,
            ray_actor_options={**actor, "num_cpus": args.cpus, "num_gpus": args.gpus},
            **scaling(count, ONGOING[kind]),
        ).bind(kind, settings, load)
        for kind, count in counts.items()
    ]
    door = Door.options(ray_actor_options={**actor, "num_cpus": 0})
    return door.bind(*models, settings, args.port)


def scaling(count: str, ongoing: int) -> dict[str, Any]:
    """Serve's options for "2" replicas, or for "1-4" that follow the load.

    Raises:
        ValueError: it says neither.
    """
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", count)
    if not found:
        raise ValueError(f"A number of replicas is 2, or 1-4, not {count}.")
    low, high = int(found[1]), int(found[2] or found[1])
    if low == high:
        return {"num_replicas": low}
    follow = {"min_replicas": low, "max_replicas": high, "target_ongoing_requests": max(1, ongoing // 2)}
    return {"autoscaling_config": follow}


@serve.deployment
class Model:
    """A replica of one of the three models."""

    def __init__(self, kind: str, settings: Settings, load: Load) -> None:
        heap.settle()
        self._model, self._about = load(kind, settings)
        self._models = dict.fromkeys(VERBS[kind], self._model)
        tags: Any = ("model", "verb")
        self._running = 0
        self._queue = metrics.Gauge(
            "sphinx_requests_at_work", "Requests that a replica works on.", ("model",)
        )
        self._pieces = metrics.Counter("sphinx_tokens_total", "Pieces of answers: tokens, steps.", tags)
        self._first = metrics.Histogram(
            "sphinx_first_answer_seconds", "From a request to the first of its answer.", SECONDS, tags
        )
        self._errors = metrics.Counter("sphinx_errors_total", "Requests that failed.", (*tags, "type"))

    def tell(self) -> tuple[str, bool, About | None]:
        """Return the model's name, whether it is for photographs, and what is known of SPHINX."""
        return self._model.name, getattr(self._model, "for_photographs", False), self._about

    @serve.multiplexed(max_num_models_per_replica=PICTURES)
    async def seen(self, digest: str) -> str:
        """Remember that a picture was seen here: Serve sends later questions about it to this replica."""
        return digest

    async def serve(self, verb: str, *given: Any, **named: Any) -> AsyncIterator[Any]:
        """Carry out a verb; a request that is cancelled is gone at its next token or step."""
        if digest := serve.get_multiplexed_model_id():
            seen: Any = self.seen
            await seen(digest)
        tags = {"model": self._model.name, "verb": verb}
        began, before = time.monotonic(), None
        self._count(1)
        try:
            answers = in_thread(lambda: remote.serve(self._models, verb, given, named))
            async with aclosing(answers):
                async for answer in answers:
                    if isinstance(answer, DemoError):
                        self._errors.inc(1, {**tags, "type": type(answer).__name__})
                    elif not isinstance(answer, str) or answer not in ("", before):  # nothing was added
                        if before is None:
                            self._first.observe(time.monotonic() - began, tags)
                        before = answer
                        self._pieces.inc(1, tags)
                    yield answer
        except Exception as error:
            self._errors.inc(1, {**tags, "type": type(error).__name__})
            raise
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self._running += change
        self._queue.set(self._running, {"model": self._model.name})


def served(handle: DeploymentHandle) -> remote.Served:
    """Return the verbs of a deployment, for `pipelines.remote`; closing their generator cancels the call."""

    def serve_verb(verb: str, *given: Any, **named: Any) -> Generator[Any, None, None]:
        digest = given[1] if len(given) > 1 and isinstance(given[1], str) else ""
        call = handle.options(stream=True, multiplexed_model_id=digest).serve
        for last in (False, True):
            answers: Any = call.remote(verb, *given, **named)
            began = False
            try:
                for answer in answers:
                    began = True
                    yield answer
                return
            except BackPressureError:
                raise TooBusy(f"{WAITING} requests are waiting already: try again in a moment.") from None
            except RayError as error:
                if began or last:
                    raise ModelLost(LOST) from error
            finally:
                answers.cancel()

    return serve_verb


def connect(vlm: DeploymentHandle, segmenter: DeploymentHandle, inpainter: DeploymentHandle) -> Assistant:
    """Return the assistant, with handles in place of the models; waits until one replica of each is there."""
    told = [handle.tell.remote().result() for handle in (vlm, segmenter, inpainter)]
    (vlm_name, _, about), (segmenter_name, _, _), (inpainter_name, for_photographs, _) = told
    return catalog.put_together(
        remote.RemoteVLM(vlm_name, served(vlm)),
        remote.RemoteSegmenter(segmenter_name, served(segmenter)),
        remote.RemoteInpainter(inpainter_name, for_photographs, served(inpainter)),
        about,
    )


@serve.deployment(max_ongoing_requests=100)
class Door:
    """The page, and what Serve's own port answers. There is one: the visits are in its memory."""

    async def __init__(
        self,
        vlm: DeploymentHandle,
        segmenter: DeploymentHandle,
        inpainter: DeploymentHandle,
        settings: Settings,
        port: int,
    ) -> None:
        heap.settle()
        self._startup = Startup(lambda: connect(vlm, segmenter, inpainter), settings.model)
        self._port = port
        await asyncio.to_thread(self._open)

    def _open(self) -> None:
        from app import ui

        parser = Parser(prog="serve run app.cluster:demo")
        add_limits(parser)
        limits = limits_of(parser.parse_args([]))
        page = ui.build(self._startup, main.example_pictures(), limits)
        self._startup.begin()
        main.launch(page, port=self._port, wait=False, limits=limits)

    async def __call__(self, request: Request) -> Response:
        if request.url.path == "/metrics":
            return PlainTextResponse(await exposition(), media_type="text/plain; version=0.0.4")
        return RedirectResponse(f"{request.url.scheme}://{request.url.hostname}:{self._port}/")


async def exposition() -> str:
    """Return the metrics of this demo from all machines of the cluster, in Prometheus's text format."""
    nodes = [node for node in ray.nodes() if node["Alive"]]
    async with httpx.AsyncClient() as http:
        told = await asyncio.gather(
            *(
                http.get(f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics")
                for node in nodes
            ),
            return_exceptions=True,
        )
    return merged([answer.text for answer in told if isinstance(answer, httpx.Response)])


def merged(told: Sequence[str]) -> str:
    """Return the lines of this demo's metrics out of several machines', each explained once."""
    lines = (line for text in told for line in text.splitlines() if METRIC.match(line))
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))
