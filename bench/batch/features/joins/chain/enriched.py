# SPDX-License-Identifier: Apache-2.0
"""The parent Join: every transaction with its merchant, as of the transaction."""

from catena.api import Join, JoinPart
from group_bys.chain.sources import merchants, scores, transactions

v1 = Join(left=transactions,
          right_parts=[JoinPart(group_by=merchants), JoinPart(group_by=scores)])
