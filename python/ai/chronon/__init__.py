# SPDX-License-Identifier: Apache-2.0
"""The names under which Chronon repositories import the DSL."""
