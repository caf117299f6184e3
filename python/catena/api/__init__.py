# SPDX-License-Identifier: Apache-2.0
"""The DSL: everything a feature definition needs, in Chronon's words."""

from catena.api.aggregation import Aggregation, Aggregations, DefaultAggregation
from catena.api.derivation import Derivation
from catena.api.external import ContextualSource, DataType, ExternalPart, ExternalSource
from catena.api.group_by import GroupBy
from catena.api.join import BootstrapPart, Join, JoinPart, LabelPart
from catena.api.model import InferenceSpec, Model, ModelTransform, ModelTransforms
from catena.api.operation import Operation
from catena.api.query import Query, select, selects
from catena.api.source import EntitySource, EventSource, JoinSource, Source
from catena.api.staging_query import (
    StagingQuery,
    StagingQueryEntitySource,
    StagingQueryEventSource,
)
from catena.api.struct import DefinitionError
from catena.api.ttypes import Accuracy, MetaData, TimeUnit, Window

__all__ = [
    "Accuracy",
    "Aggregation",
    "Aggregations",
    "BootstrapPart",
    "ContextualSource",
    "DataType",
    "DefaultAggregation",
    "DefinitionError",
    "Derivation",
    "EntitySource",
    "EventSource",
    "ExternalPart",
    "ExternalSource",
    "GroupBy",
    "InferenceSpec",
    "Join",
    "JoinPart",
    "JoinSource",
    "LabelPart",
    "MetaData",
    "Model",
    "ModelTransform",
    "ModelTransforms",
    "Operation",
    "Query",
    "Source",
    "StagingQuery",
    "StagingQueryEntitySource",
    "StagingQueryEventSource",
    "TimeUnit",
    "Window",
    "select",
    "selects",
]
