// SPDX-License-Identifier: Apache-2.0
// Conf: one compiled definition, a GroupBy or a Join, with what the compiler added for us.
//
//   input   Chronon's thrift simple-JSON with the extra top-level object `catena` (docs/reference/
//           conf.md); unknown fields of Chronon's are kept out and ignored
//   errors  kInvalidConf lists every violation at once, each with its path in the conf
//   source  Chronon ThriftJsonCodec; conf/thrift_json.cc reads, python/catena/compile writes

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "catena/conf/group_by.h"
#include "catena/conf/join.h"
#include "catena/types/schema.h"

namespace catena::conf {

struct Conf {
  std::string path;  // Where it was read from, for messages; may be empty.
  std::variant<std::shared_ptr<const GroupBy>, std::shared_ptr<const Join>> definition;
  // `catena.schemas`: table -> columns, as the compiler saw them.
  std::map<std::string, types::Schema> schemas;
  // `catena.inferred`: what the compiler filled in, as sentences.
  std::vector<std::string> inferred;

  const GroupBy* group_by() const;  // Null when this is a Join.
  const Join* join() const;         // Null when this is a GroupBy.
  const MetaData& metadata() const;
};

// A Join has `joinParts` or `left`; anything else with `sources` is a GroupBy.
Result<Conf> ReadConf(const std::string& path);
Result<Conf> ParseConf(const Json& json, const std::string& path);

// All GroupBys and Joins below `conf`, parents first, each name once; a name that stands for two
// different definitions is kInvalidConf.
struct Lineage {
  std::vector<std::shared_ptr<const GroupBy>> group_bys;
  std::vector<std::shared_ptr<const Join>> joins;
};
Result<Lineage> LineageOf(const Conf& conf);

}  // namespace catena::conf
