"""The managed container's HTTP contract as an application."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from starlette.routing import Route, Router

import fastrcf
from fastrcf.container.settings import execution_parameters
from fastrcf.serving.asgi import Door, header, nowhere
from fastrcf.serving.invocation import Question, answer
from fastrcf.serving.media import check_coding
from fastrcf.serving.problems import bad_input

if TYPE_CHECKING:
    from starlette.types import Scope

    from fastrcf.container.models import Loaded, Models
    from fastrcf.serving.asgi import Read
    from fastrcf.serving.limits import Load
    from fastrcf.serving.scorer import Scorer

Answer: TypeAlias = tuple[int, bytes, str]
_JSON = "application/json"
# Where clients of SageMaker's runtime call, AWS's own among them: at this server's address
# they need no gateway between.
_RUNTIME = "/endpoints/{endpoint}/invocations"


class LoadModel(msgspec.Struct):
    """What the platform posts to have a model loaded."""

    model_name: str
    url: str


_load_model = msgspec.json.Decoder(LoadModel)


def single_model(scorer: Scorer, load: Load) -> Router:
    """Make the application of an endpoint with one model.

    Parameters
    ----------
    scorer : Scorer
        The model.
    load : Load
        What the server has taken on.
    """

    async def invoke(scope: Scope, read: Read) -> Answer:
        return await _answer(scorer, scope, read, load)

    door = Door({"POST": invoke}, load)
    return _router([Route("/invocations", door), Route(_RUNTIME, door)], load)


def multi_model(models: Models, load: Load) -> Router:
    """Make the application of an endpoint whose models come and go."""

    async def add(scope: Scope, read: Read) -> Answer:
        try:
            wanted = _load_model.decode(await read())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise bad_input(f"expected model_name and url: {error}") from None
        return 200, _entry(await load.on_thread(models.load, wanted.model_name, wanted.url)), _JSON

    async def every(scope: Scope, read: Read) -> Answer:
        held = b",".join(_entry(loaded) for loaded in models.all())
        return 200, b'{"models":[' + held + b"]}", _JSON

    async def one(scope: Scope, read: Read) -> Answer:
        return 200, _entry(models.get(_name(scope))), _JSON

    async def remove(scope: Scope, read: Read) -> Answer:
        models.unload(_name(scope))
        return 200, b"", _JSON

    async def invoke(scope: Scope, read: Read) -> Answer:
        return await _answer(models.get(_name(scope)).scorer, scope, read, load)

    async def invoke_named(scope: Scope, read: Read) -> Answer:
        name = header(scope, b"x-amzn-sagemaker-target-model")
        return await _answer(models.get(name).scorer, scope, read, load)

    routes = [
        Route("/models/{name}/invoke", Door({"POST": invoke}, load)),
        Route("/models/{name}", Door({"GET": one, "DELETE": remove}, load, always=True)),
        Route("/models", Door({"GET": every, "POST": add}, load, always=True)),
        Route(_RUNTIME, Door({"POST": invoke_named}, load)),
    ]
    return _router(routes, load)


def _router(routes: list[Route], load: Load) -> Router:
    async def description(scope: Scope, read: Read) -> Answer:
        return 200, openapi, _JSON

    async def ping(scope: Scope, read: Read) -> Answer:
        return 200, b"", _JSON

    async def parameters(scope: Scope, read: Read) -> Answer:
        return 200, msgspec.json.encode(execution_parameters()), _JSON

    health = [
        Route("/ping", Door({"GET": ping, "HEAD": ping}, load, always=True)),
        Route("/execution-parameters", Door({"GET": parameters}, load, always=True)),
        Route("/openapi.json", Door({"GET": description}, load, always=True)),
    ]
    # The first route that fits is taken: that of rows comes first.
    every = [*routes, *health]
    openapi = _openapi({route.path for route in every})
    return Router(every, default=nowhere, redirect_slashes=False)


def _openapi(paths: set[str]) -> bytes:
    """Give the description of the interface, without what this application has not."""
    told = json.loads(files("fastrcf.container").joinpath("openapi.json").read_bytes())
    told["info"]["version"] = fastrcf.__version__
    for path in set(told["paths"]) - paths:
        del told["paths"][path]
    return msgspec.json.encode(told)


async def _answer(scorer: Scorer, scope: Scope, read: Read, load: Load) -> Answer:
    check_coding(header(scope, b"content-encoding"))
    question = Question.of(
        header(scope, b"content-type"),
        header(scope, b"accept"),
        header(scope, b"x-amzn-sagemaker-custom-attributes"),
    )
    body = await read()
    return 200, await load.work(len(body), answer, scorer, question, body), question.answer


def _name(scope: Scope) -> str:
    return str(scope["path_params"]["name"])


def _entry(loaded: Loaded) -> bytes:
    return msgspec.json.encode({"modelName": loaded.name, "modelUrl": loaded.url})
