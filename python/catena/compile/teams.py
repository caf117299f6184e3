# SPDX-License-Identifier: Apache-2.0
"""teams.json: the namespace and table properties of each team."""

import json
import os

from catena.api.struct import suggest


class Teams:
    def __init__(self, repo: str):
        self.path = os.path.join(repo, "teams.json")
        self.error: str | None = None
        self.teams: dict | None = None
        if os.path.isfile(self.path):
            try:
                with open(self.path, encoding="utf-8") as file:
                    self.teams = json.load(file)
                if not isinstance(self.teams, dict):
                    raise ValueError("expected an object of teams")
            except (ValueError, OSError) as error:
                self.error = f"not a teams file: {error}"
                self.teams = None

    def problem(self, team: str) -> str | None:
        """Why a team cannot be used, or None. Without a teams.json every team is fine."""
        if self.error:
            return self.error
        if self.teams is not None and team not in self.teams:
            return f'team "{team}" is not in teams.json{suggest(team, self.teams)}'
        return None

    def get(self, team: str, key: str):
        if self.teams is None:
            return "default" if key == "namespace" else None
        own = self.teams.get(team) or {}
        return own[key] if key in own else (self.teams.get("default") or {}).get(key)
