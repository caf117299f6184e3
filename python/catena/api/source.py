# SPDX-License-Identifier: Apache-2.0
"""Source: where rows come from. A bare EventSource, EntitySource or JoinSource is a Source too."""

from catena.api.struct import DefinitionError
from catena.api.ttypes import EntitySource, EventSource, JoinSource, Source

__all__ = [
    "EntitySource",
    "EventSource",
    "JoinSource",
    "Source",
    "as_source",
    "is_streaming",
    "underlying_source",
]

_FIELD_OF = {EventSource: "events", EntitySource: "entities", JoinSource: "joinSource"}


def as_source(value, what: str = "source") -> Source:
    if isinstance(value, Source):
        return value
    field = _FIELD_OF.get(type(value))
    if field is None:
        raise DefinitionError(
            f"{what} must be a Source, EventSource, EntitySource or JoinSource, "
            f"got {type(value).__name__}"
        )
    source = Source(**{field: value})
    source.where, source.module = value.where, value.module
    return source


def underlying_source(source: Source):
    return source.events or source.entities or source.joinSource


def is_streaming(source: Source) -> bool:
    """Whether the source has a topic; a JoinSource has the topic of its parent's left side."""
    if source.joinSource is not None:
        return is_streaming(as_source(source.joinSource.join.left))
    if source.events is not None:
        return source.events.topic is not None
    return source.entities.mutationTopic is not None
