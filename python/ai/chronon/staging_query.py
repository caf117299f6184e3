# SPDX-License-Identifier: Apache-2.0
from catena.api.staging_query import *  # noqa: F401,F403
