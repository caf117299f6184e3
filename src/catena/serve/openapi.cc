// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "catena/base/version.h"
#include "catena/serve/routes.h"

namespace catena::serve {
namespace {

Json Schema(const char* type, const char* description) {
  return Json{{"type", type}, {"description", description}};
}

Json KeyMap() {
  return Json{{"type", "object"},
              {"description", "Key columns by name; every one must be there."},
              {"additionalProperties", true},
              {"example", {{"user_id", 7}}}};
}

Json RequestBody() {
  const Json chronon = {{"type", "array"}, {"items", {{"$ref", "#/components/schemas/KeyMap"}}}};
  const Json timed = {
      {"type", "object"},
      {"required", {"requests"}},
      {"properties",
       {{"requests",
         {{"type", "array"},
          {"items",
           {{"type", "object"},
            {"required", {"keys"}},
            {"properties",
             {{"keys", {{"$ref", "#/components/schemas/KeyMap"}}},
              {"atMillis", Schema("integer", "As of when, exclusive; now when absent.")}}}}}}}}}};
  return Json{{"required", true},
              {"content", {{"application/json", {{"schema", {{"oneOf", {chronon, timed}}}}}}}}};
}

Json ResultSchema() {
  return Json{{"type", "object"},
              {"required", {"status", "entityKeys", "features"}},
              {"properties",
               {{"status", {{"type", "string"}, {"enum", {"Success", "Failure"}}}},
                {"entityKeys", {{"$ref", "#/components/schemas/KeyMap"}}},
                {"features", Schema("object",
                                    "By output column; null where the window is empty; "
                                    "`<part>_exception` says why a part has none.")},
                {"incomplete", Schema("object",
                                      "Part to reason, when a value may differ from the "
                                      "backfill's at that time.")},
                {"error", Schema("string", "Why the row failed.")}}}};
}

Json FeaturesOperation() {
  return Json{
      {"requestBody", RequestBody()},
      {"parameters",
       {{{"name", "name"}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}},
        {{"name", "atMillis"},
         {"in", "query"},
         {"description", "As of when, for every row that says nothing itself."},
         {"schema", {{"type", "integer"}}}}}},
      {"responses",
       {{"200",
         {{"description", "One result a request, in order."},
          {"headers",
           {{"X-Catena-Incomplete",
             {{"description", "Parts that are incomplete in any row."},
              {"schema", {{"type", "string"}}}}}}},
          {"content",
           {{"application/json",
             {{"schema",
               {{"type", "object"},
                {"properties",
                 {{"results",
                   {{"type", "array"},
                    {"items", {{"$ref", "#/components/schemas/Result"}}}}}}}}}}}}}}},
        {"400", {{"description", "Malformed, or the only row failed: error says what to do."}}},
        {"404", {{"description", "No such conf, or nothing uploaded or streamed for it yet."}}},
        {"503", {{"description", "The store does not answer; Retry-After says when to try."}}}}}};
}

}  // namespace

Json OpenApiDocument() {
  Json paths = Json::object();
  for (const RouteDescription& route : RouteDescriptions()) {
    const bool has_name = route.path.find("{name}") != std::string_view::npos;
    Json operation = has_name ? FeaturesOperation()
                              : Json{{"responses", {{"200", {{"description", route.summary}}}}}};
    operation["summary"] = route.summary;
    paths[std::string(route.path)][route.method == "POST" ? "post" : "get"] = std::move(operation);
  }
  return Json{{"openapi", "3.0.3"},
              {"info", {{"title", "catena"}, {"version", kVersion}}},
              {"paths", std::move(paths)},
              {"components", {{"schemas", {{"KeyMap", KeyMap()}, {"Result", ResultSchema()}}}}}};
}

}  // namespace catena::serve
