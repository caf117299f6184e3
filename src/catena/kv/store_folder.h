// SPDX-License-Identifier: Apache-2.0
// The folder of an embedded store: which format it holds, and who owns it.
//
//   CATENA_STORE   "catena store 1\n": the stored format (stored_format.h)
//   owner          "<pid>\n" of the owning process; left behind by a killed one
//   owner.sock     where the owner answers (store_server.h); left behind by a killed one
//   the rest       RocksDB's files
//
//   errors  kNotFound: there is no store there yet, with what makes one; kUnsupported: the folder
//           holds another format or something else than a store; kUnavailable: the system refuses

#pragma once

#include <optional>
#include <string>

#include "catena/base/result.h"

namespace catena::kv {

// Makes the folder a store when it is absent or empty, else checks what it holds.
Status CreateStoreFolder(const std::string& path);

// Checks that the folder holds a store of our format that can be read.
Status CheckStoreFolder(const std::string& path);

std::string OwnerSocketPath(const std::string& path);
Status WriteOwner(const std::string& path);
void RemoveOwner(const std::string& path);
// The process that says it owns the folder, alive or not; nullopt when none says so.
std::optional<int> ReadOwner(const std::string& path);

}  // namespace catena::kv
