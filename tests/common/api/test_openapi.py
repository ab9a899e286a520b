from drf_spectacular.generators import SchemaGenerator


def test_the_schema_says_how_a_caller_authenticates() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    assert schema["components"]["securitySchemes"] == {
        "internalToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    assert operations
    assert {str(operation["security"]) for operation in operations} == {"[{'internalToken': []}]"}
