"""The HTTP interface: a page, ``/predict``, ``/health``, ``/metrics``, ``/openapi.json``."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, File, Query, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel
from starlette.middleware.trustedhost import TrustedHostMiddleware

from mmaction.errors import UserError, first_line
from mmaction.inference import Recognition, VideoRecognizer
from mmaction.serving.batching import Batcher
from mmaction.serving.decoding import Decoded, Decoder
from mmaction.serving.gate import Gate
from mmaction.serving.limits import Limits, Refused
from mmaction.serving.metrics import Metrics
from mmaction.serving.pages import answer_page, drop_page
from mmaction.version import __version__

LONGEST_NAME = 200
# Both pages hold their scripts and styles, and load nothing; the player is shown in a frame.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:;"
    " connect-src 'self'; frame-src blob:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
Video = Annotated[UploadFile, File(description="a video file")]
Window = Annotated[float | None, Query(gt=0, description="length of parts in seconds")]
Maps = Annotated[bool, Query(description="also say where and when the network looked")]


class PartAnswer(BaseModel):
    """As ``Recognition.as_dict``."""

    name: str
    label: str
    probabilities: dict[str, float]
    frame_indices: list[int]
    seconds: list[float] | None = None
    temporal: list[float] | None = None
    spatial: list[list[list[float]]] | None = None
    region: list[float] | None = None


class Answer(PartAnswer):
    """Of a whole video, and of its parts where they are asked for."""

    parts: list[PartAnswer] | None = None


class Service:
    """A model, and what is between it and an upload.

    Args:
        recognizer: The model.
        limits: Of requests.
        explainer: What makes the maps; ``attention`` are the network's own.
    """

    def __init__(self, recognizer: VideoRecognizer, limits: Limits, explainer: str) -> None:
        self.recognizer, self.limits, self.explainer = recognizer, limits, explainer
        self.metrics = Metrics()
        self.decoder = Decoder(recognizer.pipeline, limits)
        self.batcher = Batcher(
            recognizer, batch_size=limits.batch_size, observe=self.metrics.batch.observe
        )
        self.root = ""

    @asynccontextmanager
    async def running(self, app: FastAPI) -> AsyncIterator[None]:
        """Within it requests can be answered; their files lie in one directory."""
        with tempfile.TemporaryDirectory(prefix="st-abn-serve-") as self.root:
            await self.decoder.start()
            yield

    async def recognize(
        self, upload: UploadFile, window_sec: float | None, *, explain: bool
    ) -> tuple[Decoded, list[Recognition]]:
        """Answers of the whole video and of its parts.

        Raises:
            Refused: The video can't be used.
            UserError: There are no maps to explain by.
        """
        name = Path(upload.filename or "video").name[:LONGEST_NAME]
        with (
            self.metrics.stage.labels("decode").time(),
            tempfile.TemporaryDirectory(dir=self.root) as folder,
        ):
            path = Path(folder) / "upload"
            await asyncio.to_thread(_copy, upload, path)
            decoded = await self.decoder(path, name=name, window_sec=window_sec)
        with self.metrics.stage.labels("network").time():
            asked = (
                self.batcher.answer(item, decoded.video, self.explainer if explain else False)
                for item in decoded.items
            )
            return decoded, list(await asyncio.gather(*asked))


def make_app(
    recognizer: VideoRecognizer,
    *,
    limits: Limits,
    model: str,
    token: str | None = None,
    explainer: str = "attention",
    hosts: Sequence[str] = ("*",),
) -> FastAPI:
    """The interface as an ASGI application.

    Args:
        recognizer: What answers.
        limits: Of requests.
        model: What pages call it.
        token: What requests must show; None: nothing.
        explainer: What makes the maps.
        hosts: Names by which it may be called, so that no other site's name leads to it.
    """
    service = Service(recognizer, limits, explainer)
    app = FastAPI(
        title=f"ST-ABN: {model}",
        version=__version__,
        lifespan=service.running,
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(Gate, limits=limits, token=token, metrics=service.metrics)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    app.add_exception_handler(UserError, _refuse)
    app.add_exception_handler(RequestValidationError, _invalid)
    _add_pages(app, service, model)

    @app.post("/predict", response_model=Answer, response_model_exclude_none=True)
    async def predict(video: Video, explain: Maps = False, window_sec: Window = None) -> Any:
        _, answers = await service.recognize(video, window_sec, explain=explain)
        whole, *parts = [answer.as_dict() for answer in answers]
        return {**whole, "parts": parts if window_sec else None}

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "model": model, "classes": recognizer.classes}

    return app


def _add_pages(app: FastAPI, service: Service, model: str) -> None:
    limits = service.limits
    taken = f"up to {limits.megabytes:g} MiB and {limits.seconds:g} seconds"
    page = drop_page(model, limits=taken)
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def index() -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    @app.post("/page", response_class=HTMLResponse)
    async def explained(video: Video, window_sec: Window = None) -> HTMLResponse:
        decoded, answers = await service.recognize(video, window_sec, explain=True)
        with service.metrics.stage.labels("page").time():
            text = await asyncio.to_thread(answer_page, decoded, answers)
        return HTMLResponse(text.encode("utf-8", "replace"), headers=headers)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")


def _copy(upload: UploadFile, path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(upload.file, file, 1 << 20)


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    status = error.status if isinstance(error, Refused) else 422
    return JSONResponse({"detail": first_line(error)}, status)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return JSONResponse({"detail": f"{where}: {first['msg']}"}, 422)
