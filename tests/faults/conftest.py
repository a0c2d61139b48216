"""The same services as in tests/integration/api, for tests that take their time."""

from tests.integration.api.conftest import opened, service, zygote

__all__ = ["opened", "service", "zygote"]
