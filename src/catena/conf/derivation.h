// SPDX-License-Identifier: Apache-2.0
// Derivation: an output column computed from other output columns; "*" keeps all of them.

#pragma once

#include <string>

#include "catena/conf/expression.h"

namespace catena::conf {

struct Derivation {
  std::string name;
  Expression expression;
};

}  // namespace catena::conf
