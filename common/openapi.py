"""What drf-spectacular needs to be told about Plaza's classes."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class InternalTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "common.identity.InternalTokenAuthentication"
    name = "internalToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
