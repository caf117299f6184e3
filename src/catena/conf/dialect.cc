// SPDX-License-Identifier: Apache-2.0
#include "catena/conf/dialect.h"

#include <cctype>

namespace catena::conf {
namespace {

struct Numbered {
  int64_t number;
  Operation operation;
};

// Shared by both dialects. STORED FORMAT: numbers of Chronon's api.thrift.
constexpr Numbered kShared[] = {
    {0, Operation::kMin},
    {1, Operation::kMax},
    {2, Operation::kFirst},
    {3, Operation::kLast},
    {4, Operation::kUniqueCount},
    {5, Operation::kApproxUniqueCount},
    {6, Operation::kCount},
    {7, Operation::kSum},
    {8, Operation::kAverage},
    {9, Operation::kVariance},
    {10, Operation::kSkew},
    {11, Operation::kKurtosis},
    {12, Operation::kApproxPercentile},
    {13, Operation::kLastK},
    {14, Operation::kFirstK},
    {15, Operation::kTopK},
    {16, Operation::kBottomK},
    {17, Operation::kHistogram},
};

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
  for (const Numbered& shared : kShared) {
    if (shared.number == number) return shared.operation;
  }
  if (dialect == Dialect::kChronon) {
    if (number == 18) return Operation::kApproxHistogramK;
    if (number == 19) return Operation::kBoundedUniqueCount;
  } else {
    if (number == 18) return Operation::kApproxFrequentK;
    if (number == 19) return Operation::kApproxHeavyHittersK;
    if (number == 20) return Operation::kUniqueTopK;
  }
  return InvalidConf("no operation has this number: " + std::to_string(number));
}

}  // namespace catena::conf
