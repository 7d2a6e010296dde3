"""A container that SageMaker trains in and serves from, in place of the managed one.

``fastrcf container train`` and ``fastrcf container serve`` keep the platform's
contract under a root folder, ``/opt/ml`` unless told otherwise; docs/container.md.
"""
