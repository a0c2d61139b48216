"""The version of this installation."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("duologue")
except PackageNotFoundError:
    VERSION = "0+unknown"
