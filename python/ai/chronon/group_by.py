# SPDX-License-Identifier: Apache-2.0
from catena.api.group_by import *  # noqa: F401,F403
