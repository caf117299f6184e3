// SPDX-License-Identifier: Apache-2.0
// A KVStore that asks the process which owns the store, over the socket in the store's folder.
//
//   errors   kUnavailable when the owner is gone, or silent for `timeout`; a connection that broke
//            is made anew once per call. kUnsupported when a batch or an answer exceeds a frame.
//   threads  every call may run concurrently with every other; at most kConnectionsMax at a time
//   Scan     `visit` has to take each 256 KiB within 30 s, or the owner hangs up

#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "catena/kv/kv_store.h"

namespace catena::kv {

// Asks once whether the owner is there: kUnavailable when it is not.
Result<std::unique_ptr<KVStore>> OpenRemoteStore(
    const std::string& folder, std::chrono::milliseconds timeout = std::chrono::milliseconds(2000),
    std::chrono::milliseconds first_timeout = std::chrono::milliseconds(2000));

}  // namespace catena::kv
