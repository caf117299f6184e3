# SPDX-License-Identifier: Apache-2.0
"""Tables of other systems, brought into the warehouse: `catena import`.

A format is one file with NAME, PACKAGE and read(), and one line in FORMATS (formats.py).
"""
