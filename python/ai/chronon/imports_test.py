# SPDX-License-Identifier: Apache-2.0
"""The names that Chronon repositories import are where they expect them."""

import importlib

import pytest

NAMES = {
    "ai.chronon.query": "Query select",
    "ai.chronon.api.ttypes": "Query Source EventSource EntitySource JoinSource StagingQuery "
    "Aggregation Window MetaData GroupBy Join JoinPart Derivation ExternalSource LabelPart "
    "BootstrapPart Model ModelTransform ModelTransforms GroupByServingInfo DataKind TDataType "
    "Accuracy Operation TimeUnit",
    "ai.chronon.group_by": "GroupBy Aggregation Aggregations DefaultAggregation Window TimeUnit "
    "Accuracy Derivation Operation validate_group_by get_output_col_names op_to_str "
    "window_to_str_pretty collector generic_collector",
    "ai.chronon.join": "Join JoinPart LabelPart ExternalSource ContextualSource ExternalPart "
    "BootstrapPart Derivation DataType validate_left_source",
    "ai.chronon.staging_query": "StagingQueryEventSource StagingQueryEntitySource "
    "get_staging_query_dependencies",
    "ai.chronon.model": "InferenceSpec Model ModelTransform ModelTransforms",
    "ai.chronon.utils": "get_join_output_table_name get_staging_query_output_table_name "
    "group_by_output_table_name output_table_name join_part_output_table_name log_table_name "
    "sanitize get_dependencies wait_for_simple_schema get_max_window_for_gb_in_days is_streaming "
    "get_underlying_source",
    "ai.chronon.types": "EventSource EntitySource JoinSource Query selects GroupBy Aggregation "
    "Window TimeUnit Operation Join JoinPart StagingQuery Derivation ExternalSource ExternalPart "
    "ContextualSource BootstrapPart DataType Accuracy",
}


@pytest.mark.parametrize("module", NAMES)
def test_names(module):
    found = importlib.import_module(module)
    assert [name for name in NAMES[module].split() if not hasattr(found, name)] == []
