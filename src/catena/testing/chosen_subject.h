// SPDX-License-Identifier: Apache-2.0
// Fuzzing of what one of many subjects decodes: the first two bytes of an input choose the subject,
// the others are what it shall decode.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/random.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t size_max);

namespace catena::testing {

// For LLVMFuzzerCustomMutator. Every other input begins as bytes that `encoded(subject, random)`
// made, since few random ones get past the first checks of a decoder.
template <typename Subject, typename Encode>
size_t MutateOfSubject(const std::vector<Subject>& subjects, uint8_t* data, size_t size,
                       size_t size_max, unsigned seed, Encode encoded) {
  Random random(seed);
  if (size < 2 || random.OneIn(2)) {
    const size_t chosen = random.Below(subjects.size());
    const std::string bytes = encoded(subjects[chosen], &random);
    data[0] = static_cast<uint8_t>(chosen);
    data[1] = static_cast<uint8_t>(chosen >> 8);
    size = 2 + bytes.copy(reinterpret_cast<char*>(data) + 2, size_max - 2);
  }
  for (uint64_t n = random.Below(4); n > 0; --n) size = LLVMFuzzerMutate(data, size, size_max);
  return size;
}

// For LLVMFuzzerTestOneInput.
template <typename Subject, typename Check>
void CheckOfSubject(const std::vector<Subject>& subjects, const uint8_t* data, size_t size,
                    Check check) {
  if (size < 2) return;
  const size_t chosen = (data[0] | size_t{data[1]} << 8) % subjects.size();
  check(subjects[chosen], std::string_view(reinterpret_cast<const char*>(data) + 2, size - 2));
}

}  // namespace catena::testing
