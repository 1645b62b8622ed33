"""The models that agents ask, as the tests of AI have them."""

from tests.offchain.ai.conftest import models, service

__all__ = ["models", "service"]
