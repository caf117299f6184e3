# SPDX-License-Identifier: Apache-2.0
from catena.api.aggregation import *  # noqa: F401,F403
