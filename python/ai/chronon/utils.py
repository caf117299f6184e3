# SPDX-License-Identifier: Apache-2.0
from catena.api.output_names import sanitize  # noqa: F401
from catena.api.source import is_streaming  # noqa: F401
from catena.api.source import underlying_source as get_underlying_source
from catena.api.table_names import *  # noqa: F401,F403
