// SPDX-License-Identifier: Apache-2.0
// An ExternalPart of a conf's JSON: its names, and the types that Chronon's TDataType tells.
//
//   errors   violations go to the reader, with their paths
//   source   Chronon api.thrift TDataType, DataKind; Extensions.scala ExternalPartOps

#pragma once

#include <string>

#include "catena/conf/join.h"
#include "catena/conf/json_reader.h"

namespace catena::conf {

// `part` and its member `source`.
ExternalPart ReadExternalPart(const Json& part, const Json& source, const std::string& path,
                              JsonReader* reader);

}  // namespace catena::conf
