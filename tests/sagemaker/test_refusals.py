"""What is refused before anything is sent or paid for: no response is stubbed."""

import numpy as np
import pytest

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.sagemaker import (
    BatchTransform,
    CostNotAcceptedError,
    Model,
    Serverless,
    deploy,
    train,
)
from tests.sagemaker.aws import DATA, ROLE, stubbed


def test_nothing_is_done_without_accepting_its_cost():
    """No response is stubbed: a call would fail."""
    X = np.ones((10, 3))
    with stubbed("sagemaker", "s3") as (clients, _, _):
        with pytest.raises(CostNotAcceptedError, match=r"0\.408 USD an hour.*nothing was created"):
            train(X, role=ROLE, output="s3://b/o", instance_count=2, session=clients)
        with pytest.raises(CostNotAcceptedError, match="until it is deleted"):
            deploy("s3://b/model.tar.gz", role=ROLE, session=clients)
        with pytest.raises(CostNotAcceptedError, match="serverless, 2048 MB"):
            deploy("s3://b/model.tar.gz", role=ROLE, serverless=Serverless(), session=clients)
        with pytest.raises(CostNotAcceptedError):
            BatchTransform.create(Model("m", clients), data="s3://b/d", output="s3://b/o")
        # Only True is yes.
        with pytest.raises(CostNotAcceptedError):
            train(X, role=ROLE, output="s3://b/o", session=clients, accept_cost="no")


def test_bad_input_is_refused_before_anything_is_paid_or_sent():
    X = np.ones((10, 3))
    given = {"role": ROLE, "output": "s3://b/o", "accept_cost": True}
    with stubbed("sagemaker", "s3") as (clients, _, _):
        for wrong, words in [
            ({"num_trees": 49}, "num_trees: 49"),
            ({"num_trees": 1001}, "num_trees: 1001 is more than 1000"),
            ({"num_samples_per_tree": 2049}, "2049 is more than 2048"),
            ({"feature_dim": 4}, "feature_dim: 4, but the data has 3"),
            ({"eval_metrics": ("auc",)}, "eval_metrics: 'auc'"),
            ({"output": "b/o"}, "output: expected s3://"),
            ({"test": (np.ones((2, 4)), [0, 1])}, "test: 4 columns"),
            ({"test": DATA}, "test: a channel of the name 'train'"),
            ({"test": X}, "test: expected"),
            ({"instance_count": 11}, "11 instances need as many objects, the data has 10 rows"),
            ({"max_seconds": 0}, "max_seconds"),
            ({"volume_gb": "10"}, "volume_gb: expected an integer"),
            ({"tags": [{"Key": "a", "Value": "b"}]}, "tags: expected {name: text}"),
            ({"tags": {"a": 1}}, "tags: expected {name: text}"),
            ({"role": "me"}, "role: expected arn:aws:iam"),
            ({"name": "my_job"}, "name: 'my_job' is not"),
            ({"name": "a" * 64}, "is not 1 to 63"),
            ({"name": "a-"}, "is not 1 to 63"),
        ]:
            with pytest.raises(InvalidParameterError, match=words):
                train(X, **given | wrong, session=clients)
        with pytest.raises(InvalidInputError, match="data: there are no rows"):
            train(X[:0], **given, session=clients)
        with pytest.raises(InvalidInputError, match="row 0, column 1"):
            train([[1, np.inf]], **given, session=clients)
        with pytest.raises(InvalidInputError, match=r"labels: row 1: 0\.5 is neither"):
            train(X, test=(X[:2], np.array([1, 0.5])), **given, session=clients)
        with pytest.raises(InvalidInputError, match="labels: 3 for 2 rows"):
            train(X, test=(X[:2], [1, 0, 0]), **given, session=clients)
        with pytest.raises(InvalidParameterError, match="feature_dim: needed"):
            train("s3://b/d", **given, session=clients)
        with pytest.raises(InvalidParameterError, match="3 instances need as many objects"):
            train(DATA, **given, instance_count=3, session=clients)
        for wrong, words in [
            ({"role": None}, "role: needed"),
            ({"role": "me"}, "role: expected arn:aws:iam"),
            ({"name": "my_endpoint"}, "name: 'my_endpoint'"),
            ({"delete_after": 3600, "scheduler_role": "me"}, "scheduler_role: expected"),
            ({"multi_model": True, "serverless": Serverless()}, "one model, not many"),
            ({"delete_after": 5}, "not a minute"),
            ({"delete_after": float("nan")}, "not a minute"),
            ({"delete_after": 3600}, "needs scheduler_role"),
            ({"tags": ["a"]}, "tags: expected {name: text}"),
            ({"scheduler_role": ROLE}, "nothing ends by itself without delete_after"),
        ]:
            given = {"role": ROLE, "accept_cost": True} | wrong
            with pytest.raises(InvalidParameterError, match=words):
                deploy("s3://b/model.tar.gz", **given, session=clients)
        with pytest.raises(InvalidParameterError, match="20 requests of 6 MB"):
            BatchTransform.create(
                Model("m", clients),
                data="s3://b/d",
                output="s3://b/o",
                max_concurrent=20,
                accept_cost=True,
            )
    with pytest.raises(InvalidParameterError, match="in steps of 1024"):
        Serverless(memory_mb=1500)
    with pytest.raises(InvalidParameterError, match="max_concurrency"):
        Serverless(max_concurrency=201)
