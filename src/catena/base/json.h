// SPDX-License-Identifier: Apache-2.0
// Json: the JSON value of confs, requests and reports, its parser and its printer.
//
//   input   text of at most `depth_max` nested levels (64 for requests; confs nest a whole parent
//           Join per level of a chain and may go to 1024); deeper or malformed text is
//           kInvalidConf with line and column
//   source  nlohmann-json, whose only home is here; topics decode events with simdjson instead

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "catena/base/result.h"

namespace catena {

using Json = nlohmann::json;

// `what` names the text in the error: "joins/fraud/final.v1: line 3, column 7: ...".
Result<Json> ParseJson(std::string_view text, std::string_view what, int depth_max = 64);

// Reads and parses a conf file of any depth up to 1024; kNotFound names the path.
Result<Json> ReadJsonFile(const std::string& path);

// One line, keys sorted, invalid UTF-8 replaced, doubles in their shortest exact form.
std::string PrintJson(const Json& value);
// The same over several lines, two spaces an indent.
std::string PrettyJson(const Json& value);

}  // namespace catena
