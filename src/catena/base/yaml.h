// SPDX-License-Identifier: Apache-2.0
// YAML as Json: what a person writes by hand, read like any other JSON.
//
//   input   one document; plain scalars are null, true, false, numbers or text, as YAML 1.2's core
//           schema has them (a date is text); quoted scalars are text; keys are text
//   errors  kInvalidConf with `what` and the line: malformed, nested deeper than 64 levels, a key
//           twice in one mapping
//   source  yaml-cpp, whose only home is this module

#pragma once

#include <string>
#include <string_view>

#include "catena/base/json.h"

namespace catena {

Result<Json> ParseYaml(const std::string& text, std::string_view what);

}  // namespace catena
