# SPDX-License-Identifier: Apache-2.0
"""Chronon's thrift structs and enums: names, field order and integers are Chronon's."""

from catena.api.struct import DefinitionError, Struct, suggest


class _EnumMeta(type):
    def __getattr__(cls, name):
        if name.startswith("_"):
            raise AttributeError(name)
        known = [key for key in dir(cls) if key.isupper()]
        raise AttributeError(f"{cls.__name__} has no {name}{suggest(name.upper(), known)}")

    def __new__(mcs, name, bases, space):
        cls = super().__new__(mcs, name, bases, space)
        names = {k: v for k, v in space.items() if k.isupper() and isinstance(v, int)}
        if names:
            cls._NAMES_TO_VALUES = names
            cls._VALUES_TO_NAMES = {v: k for k, v in names.items()}
        return cls


class Operation(metaclass=_EnumMeta):
    MIN = 0
    MAX = 1
    FIRST = 2
    LAST = 3
    UNIQUE_COUNT = 4
    APPROX_UNIQUE_COUNT = 5
    COUNT = 6
    SUM = 7
    AVERAGE = 8
    VARIANCE = 9
    SKEW = 10
    KURTOSIS = 11
    APPROX_PERCENTILE = 12
    LAST_K = 13
    FIRST_K = 14
    TOP_K = 15
    BOTTOM_K = 16
    HISTOGRAM = 17
    APPROX_HISTOGRAM_K = 18
    BOUNDED_UNIQUE_COUNT = 19


class TimeUnit(metaclass=_EnumMeta):
    HOURS = 0
    DAYS = 1
    MINUTES = 2  # Zipline's dialect; Chronon has no minutes.


class Accuracy(metaclass=_EnumMeta):
    TEMPORAL = 0
    SNAPSHOT = 1


class DataKind(metaclass=_EnumMeta):
    BOOLEAN = 0
    BYTE = 1
    SHORT = 2
    INT = 3
    LONG = 4
    FLOAT = 5
    DOUBLE = 6
    STRING = 7
    BINARY = 8
    DATE = 9
    TIMESTAMP = 10
    MAP = 11
    LIST = 12
    STRUCT = 13


class Query(Struct):
    """Which columns and rows of a table or stream: Spark SQL expressions, time in milliseconds."""

    FIELDS = (
        "selects",
        "wheres",
        "startPartition",
        "endPartition",
        "timeColumn",
        "setups",
        "mutationTimeColumn",
        "reversalColumn",
        "partitionColumn",
        "partitionFormat",  # Zipline's.
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.setups = self.setups or []
        if isinstance(self.selects, (list, tuple)):
            self.selects = {column: column for column in self.selects}
        if isinstance(self.wheres, str):
            self.wheres = [self.wheres]


class EventSource(Struct):
    FIELDS = ("table", "topic", "query", "isCumulative")


class EntitySource(Struct):
    FIELDS = ("snapshotTable", "mutationTable", "mutationTopic", "query")


class JoinSource(Struct):
    FIELDS = ("join", "query")


class Source(Struct):
    """Exactly one of events, entities, joinSource."""

    FIELDS = ("events", "entities", "joinSource")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        given = [f for f in self.FIELDS if getattr(self, f) is not None]
        if len(given) != 1:
            raise DefinitionError(
                "Source needs exactly one of events=, entities=, joinSource=; "
                f"got {given or 'none'}"
            )
        inner = getattr(self, given[0])
        if isinstance(inner, Source):
            for field in self.FIELDS:
                setattr(self, field, getattr(inner, field))
            return
        expected = {"events": EventSource, "entities": EntitySource, "joinSource": JoinSource}
        if not isinstance(inner, expected[given[0]]):
            raise DefinitionError(
                f"Source({given[0]}=...) needs a {expected[given[0]].__name__}, "
                f"got {type(inner).__name__}"
            )


class StagingQuery(Struct):
    FIELDS = ("metaData", "query", "startPartition", "setups", "createView")


class Window(Struct):
    FIELDS = ("length", "timeUnit")


class Aggregation(Struct):
    FIELDS = ("inputColumn", "operation", "argMap", "windows", "buckets", "elementWise")
    tags = None


class MetaData(Struct):
    FIELDS = (
        "name",
        "online",
        "production",
        "customJson",
        "dependencies",
        "tableProperties",
        "outputNamespace",
        "team",
        "modeToEnvMap",
        "consistencyCheck",
        "samplePercent",
        "offlineSchedule",
        "consistencySamplePercent",
        "historicalBackfill",
        "deprecationDate",
        "description",
    )


class GroupBy(Struct):
    FIELDS = (
        "metaData",
        "sources",
        "keyColumns",
        "aggregations",
        "accuracy",
        "backfillStartDate",
        "derivations",
        "isIncremental",
    )


class JoinPart(Struct):
    FIELDS = ("groupBy", "keyMapping", "prefix")
    tags = None


class ExternalSourceFactoryConfig(Struct):
    FIELDS = ("factoryName", "factoryParams")


class ExternalSource(Struct):
    FIELDS = ("metadata", "keySchema", "valueSchema", "factoryConfig", "offlineGroupBy")


class ExternalPart(Struct):
    FIELDS = ("source", "keyMapping", "prefix")


class Derivation(Struct):
    FIELDS = ("name", "expression", "metaData")


class BootstrapPart(Struct):
    FIELDS = ("metaData", "table", "query", "keyColumns")


class LabelPart(Struct):
    FIELDS = ("labels", "leftStartOffset", "leftEndOffset", "metaData")


class Join(Struct):
    FIELDS = (
        "metaData",
        "left",
        "joinParts",
        "skewKeys",
        "onlineExternalParts",
        "labelPart",
        "bootstrapParts",
        "rowIds",
        "derivations",
        "modelTransforms",
    )


class GroupByServingInfo(Struct):
    FIELDS = (
        "groupBy",
        "inputAvroSchema",
        "selectedAvroSchema",
        "keyAvroSchema",
        "batchEndDate",
        "dateFormat",
    )


class TDataType(Struct):
    FIELDS = ("kind", "params", "name")


class DataField(Struct):
    FIELDS = ("name", "dataType")


class InferenceSpec(Struct):
    FIELDS = ("modelBackend", "modelBackendParams")


class Model(Struct):
    FIELDS = ("metaData", "inferenceSpec", "inputSchema", "outputSchema")


class ModelTransform(Struct):
    FIELDS = ("model", "inputMappings", "outputMappings", "prefix")


class ModelTransforms(Struct):
    FIELDS = ("transforms", "passthroughFields")
