# SPDX-License-Identifier: Apache-2.0
"""The table of formats that `catena import` reads."""

from catena.tables import delta, iceberg

FORMATS = {module.NAME: module for module in (delta, iceberg)}
