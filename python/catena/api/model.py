# SPDX-License-Identifier: Apache-2.0
"""Models applied to the output of a Join."""

from catena.api import ttypes
from catena.api.external import DataType

__all__ = ["InferenceSpec", "Model", "ModelTransform", "ModelTransforms"]


def InferenceSpec(model_backend, model_backend_params) -> ttypes.InferenceSpec:
    return ttypes.InferenceSpec(model_backend, model_backend_params)


def Model(name, inference_spec, input_schema, output_schema) -> ttypes.Model:
    return ttypes.Model(
        ttypes.MetaData(name=name),
        inference_spec,
        DataType.STRUCT(f"model_{name}_inputs", *input_schema),
        DataType.STRUCT(f"model_{name}_outputs", *output_schema),
    )


def ModelTransform(model, input_mappings=None, output_mappings=None, prefix=None):
    return ttypes.ModelTransform(model, input_mappings, output_mappings, prefix)


def ModelTransforms(transforms, passthrough_fields=None) -> ttypes.ModelTransforms:
    return ttypes.ModelTransforms(transforms, passthrough_fields)
