"""Models: an image, and what a training job left, under a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker._named import ByName
from fastrcf.sagemaker._session import Clients, check_name, check_role, new_name, split_uri
from fastrcf.sagemaker.errors import aws_errors
from fastrcf.sagemaker.image import check_image, image_uri


@dataclass(frozen=True)
class Model(ByName):
    """A model in AWS. It costs nothing until it is deployed."""

    _words = _aws = "model"

    @classmethod
    def create(
        cls,
        model_data: str,
        *,
        role: str,
        name: str | None = None,
        image: str | None = None,
        multi_model: bool = False,
        session: Any = None,
    ) -> Model:
        """Make a model.

        Parameters
        ----------
        model_data : str
            S3 URI of ``model.tar.gz``; with ``multi_model``, of the prefix that
            holds many of them.
        role : str
            ARN of the role that the container takes on.
        name, image : str, optional
            Default: a new name, and the managed algorithm's image of the region.
        multi_model : bool, default False
            Whether it holds many models, of which each call names one.
        session : boto3.Session or session of Amazon's SDK, optional
            Default: boto3's.

        Raises
        ------
        ServiceError
            If AWS refuses.
        """
        _, key = split_uri(model_data, "model_data")
        if not multi_model and not key.endswith(".tar.gz"):
            raise InvalidParameterError(
                f"model_data: expected a file model.tar.gz, found {model_data!r}; a prefix is for "
                "multi_model=True"
            )
        if multi_model and key.endswith(".tar.gz"):
            raise InvalidParameterError(
                f"model_data: {model_data!r} is one model, and multi_model=True takes the prefix "
                "that holds many"
            )
        name = check_name(name or new_name("model"))
        check_role(role)
        if image is not None:
            check_image(image)
        clients = Clients.of(session)
        if multi_model:
            model_data = model_data.rstrip("/") + "/"
        with aws_errors(f"creating model {name}"):
            clients.sagemaker.create_model(
                ModelName=name,
                ExecutionRoleArn=role,
                PrimaryContainer={
                    "Image": image or image_uri(clients.region),
                    "Mode": "MultiModel" if multi_model else "SingleModel",
                    "ModelDataUrl": model_data,
                },
            )
        return cls(name, clients)
