// SPDX-License-Identifier: Apache-2.0
#include "catena/conf/output_names.h"

#include <cctype>

namespace catena::conf {
namespace {

#define CATENA_NAME(enumerator, name, chronon, zipline) name,
constexpr const char* kNames[] = {CATENA_OPERATIONS(CATENA_NAME)};
#undef CATENA_NAME

// LAST_K, FIRST_K, TOP_K and BOTTOM_K carry their k in the name; the others do not (semantics.md).
std::string OperationPart(const Aggregation& aggregation) {
  std::string lower;
  for (const char c : OperationName(aggregation.operation)) {
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const bool carries_k =
      aggregation.operation == Operation::kLastK || aggregation.operation == Operation::kFirstK ||
      aggregation.operation == Operation::kTopK || aggregation.operation == Operation::kBottomK;
  const auto k = aggregation.arguments.find("k");
  if (!carries_k || k == aggregation.arguments.end()) return lower;
  return lower.substr(0, lower.size() - 2) + k->second;
}

}  // namespace

std::string OperationName(Operation operation) { return kNames[static_cast<size_t>(operation)]; }

std::string Window::Suffix() const {
  const char* unit = this->unit == TimeUnit::kHours  ? "h"
                     : this->unit == TimeUnit::kDays ? "d"
                                                     : "m";
  return std::to_string(length) + unit;
}

std::string CleanName(const std::string& name) {
  std::string cleaned = name;
  for (char& c : cleaned) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') c = '_';
  }
  return cleaned;
}

std::vector<AggregationOutput> OutputsOf(const GroupBy& group_by) {
  std::vector<AggregationOutput> outputs;
  for (size_t i = 0; i < group_by.aggregations.size(); ++i) {
    const Aggregation& aggregation = group_by.aggregations[i];
    const std::string stem = aggregation.input_column + "_" + OperationPart(aggregation);
    std::vector<std::string> buckets = aggregation.buckets;
    if (buckets.empty()) buckets.emplace_back();
    for (const std::string& bucket : buckets) {
      const std::string by = bucket.empty() ? "" : "_by_" + bucket;
      if (aggregation.windows.empty()) {
        outputs.push_back(AggregationOutput{i, false, Window{}, bucket, stem + by});
      }
      for (const Window& window : aggregation.windows) {
        outputs.push_back(
            AggregationOutput{i, true, window, bucket, stem + "_" + window.Suffix() + by});
      }
    }
  }
  return outputs;
}

std::string ColumnPrefix(const GroupBy& group_by) {
  return CleanName(group_by.metadata.name) + "_";
}

std::string ColumnPrefix(const JoinPart& part) {
  if (!part.full_prefix.empty()) return part.full_prefix + "_";
  return (part.prefix.empty() ? "" : part.prefix + "_") + ColumnPrefix(*part.group_by);
}

std::string OutputTable(const MetaData& metadata) {
  return (metadata.output_namespace.empty() ? "default" : metadata.output_namespace) + "." +
         CleanName(metadata.name);
}

}  // namespace catena::conf
