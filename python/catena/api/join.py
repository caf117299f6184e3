# SPDX-License-Identifier: Apache-2.0
"""Join: a left side of keys and times, and the parts whose features are added to it."""

import json

from catena.api import ttypes
from catena.api.derivation import Derivation
from catena.api.external import ContextualSource, DataType, ExternalPart, ExternalSource
from catena.api.group_by import copy_source, refuse_near_miss
from catena.api.struct import DefinitionError, where_called

__all__ = [
    "BootstrapPart",
    "ContextualSource",
    "DataType",
    "Derivation",
    "ExternalPart",
    "ExternalSource",
    "Join",
    "JoinPart",
    "LabelPart",
    "custom_json_of",
    "validate_left_source",
]

_PART_KINDS = (ttypes.GroupBy, ttypes.Source, ttypes.EventSource, ttypes.EntitySource)


def JoinPart(group_by, key_mapping=None, prefix=None, tags=None) -> ttypes.JoinPart:
    """`group_by` is a GroupBy, or a Source that the compiler turns into a key-value GroupBy.

    key_mapping: {column of the left side: key of the GroupBy}.
    """
    if not isinstance(group_by, _PART_KINDS):
        raise DefinitionError(
            f"JoinPart(group_by=...) needs a GroupBy or a Source, got {type(group_by).__name__}"
        )
    if key_mapping and isinstance(group_by, ttypes.GroupBy):
        unknown = sorted(set(key_mapping.values()) - set(group_by.keyColumns))
        if unknown:
            raise DefinitionError(
                f"key_mapping names {unknown}, which are not keys of the GroupBy; "
                f"its keys are {group_by.keyColumns}"
            )
    part = ttypes.JoinPart(group_by, key_mapping, prefix)
    part.tags = tags
    part.where, part.module = where_called()
    return part


def LabelPart(labels, left_start_offset, left_end_offset, label_offline_schedule="@daily"):
    return ttypes.LabelPart(
        labels,
        left_start_offset,
        left_end_offset,
        ttypes.MetaData(offlineSchedule=label_offline_schedule),
    )


def BootstrapPart(table, key_columns=None, query=None) -> ttypes.BootstrapPart:
    return ttypes.BootstrapPart(table=table, query=query, keyColumns=key_columns)


def validate_left_source(source: ttypes.Source) -> None:
    if source.joinSource is not None:
        raise DefinitionError(
            "a JoinSource cannot be the left side of a Join; read the parent "
            "Join's output table with an EventSource instead"
        )
    if source.events is not None and source.events.isCumulative:
        raise DefinitionError(
            "a cumulative EventSource cannot be the left side of a Join; use an "
            "EntitySource or isCumulative=False"
        )


def custom_json_of(join: ttypes.Join, part_names: list[str]) -> str:
    """The customJson of a Join, once its parts have names."""
    tags = {name: part.tags for name, part in zip(part_names, join.joinParts) if part.tags}
    return json.dumps({**join.custom, "join_part_tags": tags})


def _published(topic, key, kv) -> dict:
    """What a stream reads in customJson of where enriched rows go."""
    key = [key] if isinstance(key, str) else key
    for name, value, kind, wanted in (
        ("publish_topic", topic, str, "the name or URL of a topic"),
        ("publish_key", key, (list, tuple), "a column or a list of columns"),
        ("publish_kv", kv, bool, "True or False"),
    ):
        if value is not None and not isinstance(value, kind):
            raise DefinitionError(f"{name} must be {wanted}, not {value!r}")
    given = {"publish_topic": topic, "publish_key": key, "publish_kv": kv}
    return {name: value for name, value in given.items() if value is not None}


def Join(left, right_parts, check_consistency=False, additional_args=None, additional_env=None,
         dependencies=None, online=False, production=False, output_namespace=None,
         table_properties=None, env=None, lag=0, skew_keys=None, sample_percent=None,
         consistency_sample_percent=5.0, online_external_parts=None, offline_schedule="@daily",
         historical_backfill=None, row_ids=None, bootstrap_parts=None, bootstrap_from_log=False,
         label_part=None, derivations=None, deprecation_date=None, tags=None, description=None,
         model_transforms=None, publish_topic=None, publish_key=None, publish_kv=None,
         **kwargs) -> ttypes.Join:  # fmt: skip
    """`publish_topic="enriched"`, `publish_kv=True`: of a Join that a streamed GroupBy reads, each
    row goes to the topic too, the newest of each `publish_key` to the store.

    Unknown keyword arguments (also `name`) are kept in metaData.customJson, as in Chronon.
    """
    arguments = Join.__code__.co_varnames[: Join.__code__.co_argcount]
    refuse_near_miss("Join", kwargs, arguments)
    left = copy_source(left, "left")
    validate_left_source(left)
    right_parts = list(right_parts or [])
    for part in right_parts:
        if not isinstance(part, ttypes.JoinPart):
            raise DefinitionError(
                f"right_parts must be JoinParts, got {type(part).__name__}; "
                "write JoinPart(group_by=...)"
            )
    if bootstrap_from_log:
        if not (online and sample_percent):
            raise DefinitionError("bootstrap_from_log needs online=True and a sample_percent")
        bootstrap_parts = list(bootstrap_parts or []) + [
            ttypes.BootstrapPart(table="{{ logged_table }}")
        ]
    custom = {"check_consistency": check_consistency, "lag": lag}
    if additional_args:
        custom["additional_args"] = additional_args
    if additional_env:
        custom["additional_env"] = additional_env
    custom.update(kwargs)
    custom.update(_published(publish_topic, publish_key, publish_kv))
    custom["join_tags"] = tags
    try:
        json.dumps(custom)
    except TypeError as error:
        raise DefinitionError(f"extra arguments of Join must be JSON values: {error}") from None
    join = ttypes.Join(
        left=left,
        joinParts=right_parts,
        skewKeys=skew_keys,
        onlineExternalParts=online_external_parts,
        bootstrapParts=bootstrap_parts,
        rowIds=row_ids,
        labelPart=label_part,
        derivations=derivations,
        modelTransforms=model_transforms,
        metaData=ttypes.MetaData(
            online=online,
            production=production,
            outputNamespace=output_namespace,
            tableProperties=table_properties,
            modeToEnvMap=env,
            samplePercent=sample_percent,
            offlineSchedule=offline_schedule,
            consistencySamplePercent=consistency_sample_percent if check_consistency else None,
            historicalBackfill=historical_backfill,
            deprecationDate=deprecation_date,
            description=description,
        ),
    )
    join.custom, join.dependencies, join.lag = custom, dependencies, lag
    join.explicit_name = kwargs.get("name")
    join.where, join.module = where_called()
    return join
