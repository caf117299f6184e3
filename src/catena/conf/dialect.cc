// SPDX-License-Identifier: Apache-2.0
#include "catena/conf/dialect.h"

#include <cctype>

namespace catena::conf {
namespace {

constexpr int64_t kNoNumber = -1;

struct Numbered {
  Operation operation;
  int64_t chronon;
  int64_t zipline;
};

#define CATENA_NUMBERED(enumerator, name, chronon, zipline) \
  {Operation::enumerator, chronon, zipline},
constexpr Numbered kNumbered[] = {CATENA_OPERATIONS(CATENA_NUMBERED)};
#undef CATENA_NUMBERED

bool EndsWithVersion(const std::string& name) {
  const size_t at = name.rfind("__");
  if (at == std::string::npos || at + 2 == name.size()) return false;
  for (size_t i = at + 2; i < name.size(); ++i) {
    if (!std::isdigit(static_cast<unsigned char>(name[i]))) return false;
  }
  return true;
}

}  // namespace

Dialect DialectOf(const Json& conf) {
  const auto metadata = conf.find("metaData");
  if (metadata == conf.end() || !metadata->is_object()) return Dialect::kChronon;
  if (metadata->contains("executionInfo") || metadata->contains("version")) {
    return Dialect::kZipline;
  }
  const auto name = metadata->find("name");
  const bool versioned =
      name != metadata->end() && name->is_string() && EndsWithVersion(name->get<std::string>());
  const bool chronon = metadata->contains("customJson") || metadata->contains("modeToEnvMap") ||
                       metadata->contains("dependencies");
  return versioned && !chronon ? Dialect::kZipline : Dialect::kChronon;
}

Result<Operation> OperationOf(int64_t number, Dialect dialect) {
  for (const Numbered& one : kNumbered) {
    const int64_t mine = dialect == Dialect::kChronon ? one.chronon : one.zipline;
    if (mine == number && mine != kNoNumber) return one.operation;
  }
  return InvalidConf("no operation has this number: " + std::to_string(number));
}

}  // namespace catena::conf
