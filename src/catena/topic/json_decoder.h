// SPDX-License-Identifier: Apache-2.0
// JSON decoder: format "json" of decoder.h, which is its contract.

#pragma once

#include <memory>

#include "catena/base/result.h"
#include "catena/topic/decoder.h"
#include "catena/types/schema.h"

namespace catena::topic {

Result<std::unique_ptr<Decoder>> OpenJsonDecoder(const types::Schema& schema);

}  // namespace catena::topic
