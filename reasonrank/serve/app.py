"""The application: the HTTP interface, the MCP tools and the page in one process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from reasonrank import __version__
from reasonrank.serve.answers import install
from reasonrank.serve.corpora import Corpora
from reasonrank.serve.desk import Desk
from reasonrank.serve.guard import Guard
from reasonrank.serve.routes import build_router
from reasonrank.serve.settings import ServeSettings, listed

MCP_PATH = "/mcp"


def create_app(desk: Desk, *, prepare: bool = True) -> FastAPI:
    """The application over a desk.

    Args:
        desk: Pipeline, settings and the rest.
        prepare: When the server starts, begin to build the index and load the student.

    Raises:
        MissingDependencyError: A package that the settings call for is missing.
    """
    settings = desk.settings
    router = build_router(desk)
    routes = frozenset(route.path for route in router.routes if hasattr(route, "path")) | {"/openapi.json"}
    tools = _mcp_app(desk) if settings.mcp else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as open_parts:
            if tools is not None:
                await open_parts.enter_async_context(tools.router.lifespan_context(tools))
            if prepare:
                desk.preparations.start(settings)
            yield

    app = FastAPI(
        title="ReasonRank",
        version=__version__,
        description=_bounds(settings, desk.corpora),
        # The pages of FastAPI that show the document load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        middleware=[*_cors(settings), Middleware(Guard, settings=settings, metrics=desk.metrics, routes=routes)],
    )
    install(app)
    app.include_router(router)
    if tools is not None:
        app.mount(MCP_PATH, _at_root(tools))
    return _with_page(app, desk, prepare) if settings.page else app


def _with_page(app: FastAPI, desk: Desk, prepare: bool) -> FastAPI:
    import gradio

    from reasonrank.ui.page import build_page, launch_options

    page = build_page(desk.pipeline, desk.settings, prepare=prepare)
    return gradio.mount_gradio_app(app, page, path="/", **launch_options())


def _mcp_app(desk: Desk) -> Starlette:
    from mcp.server.transport_security import TransportSecuritySettings

    from reasonrank.serve.mcp_tools import build_mcp

    return build_mcp(desk).streamable_http_app(
        streamable_http_path="/",
        stateless_http=True,
        json_response=True,
        max_request_body_size=desk.settings.max_body_bytes,
        # The guard has checked the host and the key.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )


def _at_root(app: Starlette):  # type: ignore[no-untyped-def]
    """``/mcp`` as well as ``/mcp/``: a mounted application is asked for an empty path by the first."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == scope.get("root_path", ""):
            scope = {**scope, "path": scope["path"] + "/"}
        await app(scope, receive, send)

    return asked


def _cors(settings: ServeSettings) -> list[Middleware]:
    origins = listed(settings.cors_origins)
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )
    ]


def _bounds(settings: ServeSettings, corpora: Corpora) -> str:
    return (
        "Reranking and search that explain themselves. One request may have "
        f"{settings.max_query_chars:,} characters of query, {settings.max_documents:,} documents of "
        f"{settings.max_document_chars:,} characters and {settings.max_body_bytes:,} bytes in all, ask for "
        f"{settings.max_k:,} documents and {settings.max_explain} reasons, and take {settings.request_seconds:g} "
        f"seconds. Corpora: {', '.join(corpora.names)}."
    )
