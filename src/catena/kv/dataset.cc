// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/dataset.h"

#include "catena/base/check.h"

namespace catena::kv {
namespace {

// ASCII only and without a locale: the name is stored.
char CleanCapital(char c) {
  if (c >= 'a' && c <= 'z') return static_cast<char>(c - 'a' + 'A');
  const bool is_kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return is_kept ? c : '_';
}

std::string CleanCapitals(std::string_view name) {
  std::string cleaned(name);
  for (char& c : cleaned) c = CleanCapital(c);
  return cleaned;
}

}  // namespace

std::string BatchDataset(std::string_view group_by) { return CleanCapitals(group_by) + "_BATCH"; }

std::string StreamingDataset(std::string_view group_by) {
  return CleanCapitals(group_by) + "_STREAMING";
}

std::string SubKey(std::string_view key, Layer layer) {
  std::string sub_key;
  sub_key.reserve(key.size() + 1);
  sub_key.append(key);
  sub_key.push_back(static_cast<char>(layer));
  return sub_key;
}

KeyAndLayer ParseSubKey(std::string_view sub_key) {
  CATENA_CHECK(!sub_key.empty(), "a sub-key ends with its layer");
  return {sub_key.substr(0, sub_key.size() - 1), static_cast<Layer>(sub_key.back())};
}

}  // namespace catena::kv
