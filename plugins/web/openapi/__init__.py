"""The API as an OpenAPI document."""
