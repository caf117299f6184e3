# SPDX-License-Identifier: Apache-2.0
"""External sources: features answered by somebody else's service, and their data types."""

from catena.api import ttypes
from catena.api.struct import DefinitionError

__all__ = ["ContextualSource", "DataType", "ExternalPart", "ExternalSource"]


class DataType:
    BOOLEAN = ttypes.TDataType(ttypes.DataKind.BOOLEAN)
    SHORT = ttypes.TDataType(ttypes.DataKind.SHORT)
    INT = ttypes.TDataType(ttypes.DataKind.INT)
    LONG = ttypes.TDataType(ttypes.DataKind.LONG)
    FLOAT = ttypes.TDataType(ttypes.DataKind.FLOAT)
    DOUBLE = ttypes.TDataType(ttypes.DataKind.DOUBLE)
    STRING = ttypes.TDataType(ttypes.DataKind.STRING)
    BINARY = ttypes.TDataType(ttypes.DataKind.BINARY)

    @staticmethod
    def MAP(key_type, value_type):
        if key_type != DataType.STRING:
            raise DefinitionError("the keys of a MAP must be STRING")
        return ttypes.TDataType(
            ttypes.DataKind.MAP,
            [ttypes.DataField("key", key_type), ttypes.DataField("value", value_type)],
        )

    @staticmethod
    def LIST(element_type):
        return ttypes.TDataType(ttypes.DataKind.LIST, [ttypes.DataField("elem", element_type)])

    @staticmethod
    def STRUCT(name, *fields):
        return ttypes.TDataType(
            ttypes.DataKind.STRUCT, [ttypes.DataField(field, kind) for field, kind in fields], name
        )


def ExternalSource(
    name,
    team,
    key_fields,
    value_fields,
    custom_json=None,
    factory_name=None,
    factory_params=None,
    offline_group_by=None,
) -> ttypes.ExternalSource:
    if name == "contextual":
        raise DefinitionError('the name "contextual" is taken; use ContextualSource')
    factory = None
    if factory_name is not None or factory_params is not None:
        factory = ttypes.ExternalSourceFactoryConfig(factory_name, factory_params)
    return ttypes.ExternalSource(
        metadata=ttypes.MetaData(name=name, team=team, customJson=custom_json),
        keySchema=DataType.STRUCT(f"ext_{name}_keys", *key_fields),
        valueSchema=DataType.STRUCT(f"ext_{name}_values", *value_fields),
        factoryConfig=factory,
        offlineGroupBy=offline_group_by,
    )


def ContextualSource(fields, team="default") -> ttypes.ExternalSource:
    """Values that come with the request itself."""
    return ttypes.ExternalSource(
        metadata=ttypes.MetaData(name="contextual", team=team),
        keySchema=DataType.STRUCT("contextual_keys", *fields),
        valueSchema=DataType.STRUCT("contextual_values", *fields),
    )


def ExternalPart(source, key_mapping=None, prefix=None) -> ttypes.ExternalPart:
    return ttypes.ExternalPart(source, key_mapping, prefix)
