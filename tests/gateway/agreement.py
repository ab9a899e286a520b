"""Two OpenAPI documents held against each other: what one side sends must be what the other takes.

Without Django: the services' own processes read `SPLIT_REQUESTS` from here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

# Requests and answers as schemas of their own, as the gateway has them.
SPLIT_REQUESTS = {"COMPONENT_SPLIT_REQUEST": True}

BOUNDS = ("maxLength", "minLength", "maximum", "minimum", "pattern")
METHODS = ("get", "post", "put", "patch", "delete")
Schema = Mapping[str, Any]


def resolved(document: Schema, schema: Schema) -> dict[str, Any]:
    """`schema` without references: types as a set, null among them."""
    merged = dict(schema)
    if reference := merged.pop("$ref", None):
        merged = {**resolved(document, document["components"]["schemas"][reference.rpartition("/")[2]]), **merged}
    for part in merged.pop("allOf", ()):
        merged |= resolved(document, part)
    if choices := merged.pop("oneOf", None):
        parts = [resolved(document, choice) for choice in choices]
        types = set().union(*(part["type"] for part in parts))
        merged |= {key: value for part in parts for key, value in part.items()} | {"type": types}
    types = merged.get("type", set())
    merged["type"] = {types} if isinstance(types, str) else set(types)
    return merged


class Comparison:
    """`ours` is the gateway's document, `theirs` a service's."""

    def __init__(self, ours: Schema, theirs: Schema) -> None:
        self.ours, self.theirs = ours, theirs

    def requests(self, our_schema: Schema, their_schema: Schema, where: str) -> Iterator[str]:
        yield from self._values(our_schema, their_schema, where, ("format", "enum", *BOUNDS))

    def answers(self, our_schema: Schema, their_schema: Schema, where: str) -> Iterator[str]:
        """Of bounds a service's answers say nothing; they are those of its requests."""
        yield from self._values(our_schema, their_schema, where, ("format", "enum"))

    def parameters(self, ours: Schema, theirs: Schema, where: str) -> Iterator[str]:
        our_named, their_named = _of_query(ours), _of_query(theirs)
        yield from _different(where, "query parameters", set(our_named), set(their_named))
        for name in our_named.keys() & their_named.keys():
            our, their = our_named[name], their_named[name]
            yield from _different(f"{where} ?{name}", "required", our.get("required"), their.get("required"))
            yield from self.requests(our["schema"], their["schema"], f"{where} ?{name}")

    def _values(self, ours: Schema, theirs: Schema, where: str, keys: tuple[str, ...]) -> Iterator[str]:
        our, their = resolved(self.ours, ours), resolved(self.theirs, theirs)
        yield from _different(where, "type", our["type"], their["type"])
        for key in keys:
            yield from _different(where, key, our.get(key), their.get(key))
        yield from _different(where, "required", set(our.get("required", ())), set(their.get("required", ())))
        our_members, their_members = our.get("properties", {}), their.get("properties", {})
        yield from _different(where, "members", set(our_members), set(their_members))
        for name in sorted(our_members.keys() & their_members.keys()):
            yield from self._values(our_members[name], their_members[name], f"{where}/{name}", keys)
        if "items" in our and "items" in their:
            yield from self._values(our["items"], their["items"], f"{where}/0", keys)


def body_of(message: Schema) -> Schema | None:
    """The JSON schema of a request or an answer, or None where it has no body."""
    content = message.get("content", {}).get("application/json")
    return content["schema"] if content else None


def _of_query(operation: Schema) -> dict[str, Any]:
    return {item["name"]: item for item in operation.get("parameters", ()) if item["in"] == "query"}


def _different(where: str, what: str, ours: Any, theirs: Any) -> Iterator[str]:
    if ours != theirs:
        yield f"{where}: {what}: the gateway has {ours!r}, the service {theirs!r}"
