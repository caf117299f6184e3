# SPDX-License-Identifier: Apache-2.0
"""catena: chained features. `from catena import *` brings the DSL."""

from catena.api import *  # noqa: F401,F403
from catena.api import __all__  # noqa: F401
