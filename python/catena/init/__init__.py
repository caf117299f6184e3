# SPDX-License-Identifier: Apache-2.0
"""`catena init`: a new feature repository that works."""
