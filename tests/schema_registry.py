# SPDX-License-Identifier: Apache-2.0
"""A schema registry for the tests: what catena asks of a Confluent-compatible one, on loopback.

    GET /schemas/ids/{id}                            {"schema": ..., "schemaType": ...}
    GET /subjects/{subject}/versions/{n or latest}   the same with "id", "subject", "version"
"""

import http.server
import json
import threading


class SchemaRegistry:
    """One that is stopped and started again has its port and its schemas; `of` shares its own."""

    def __init__(self, of: "SchemaRegistry | None" = None):
        self.schemas: list[dict] = of.schemas if of else []  # By id - 1.
        self.subjects: dict[str, list[int]] = of.subjects if of else {}  # Ids by version - 1.
        self.port = 0
        self.start()

    def register(self, subject: str, schema: dict | str, kind: str = "AVRO") -> int:
        """The schema's id."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        self.schemas.append({"schema": text} if kind == "AVRO" else
                            {"schema": text, "schemaType": kind})
        self.subjects.setdefault(subject, []).append(len(self.schemas))
        return len(self.schemas)

    def answer(self, path: str) -> tuple[int, dict]:
        match path.strip("/").split("/"):
            case ["schemas", "ids", schema_id]:
                if not schema_id.isdigit() or not 1 <= int(schema_id) <= len(self.schemas):
                    return 404, {"error_code": 40403, "message": "Schema not found"}
                return 200, self.schemas[int(schema_id) - 1]
            case ["subjects", subject, "versions", version]:
                ids = self.subjects.get(subject, [])
                if not ids:
                    return 404, {"error_code": 40401, "message": "Subject not found"}
                at = len(ids) if version == "latest" else int(version)
                if not 1 <= at <= len(ids):
                    return 404, {"error_code": 40402, "message": "Version not found"}
                return 200, self.schemas[ids[at - 1] - 1] | {
                    "id": ids[at - 1], "subject": subject, "version": at}
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def start(self) -> None:
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802, the name that http.server calls
                status, body = registry.answer(self.path)
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def __enter__(self) -> "SchemaRegistry":
        return self

    def __exit__(self, *_) -> None:
        self.stop()
