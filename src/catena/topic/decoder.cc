// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/decoder.h"

#include <array>

#include "catena/topic/json_decoder.h"

namespace catena::topic {
namespace {

struct Format {
  std::string_view name;
  Result<std::unique_ptr<Decoder>> (*open)(const types::Schema&);
};

constexpr std::array kFormats = {Format{"json", OpenJsonDecoder}};

}  // namespace

Result<std::unique_ptr<Decoder>> Decoder::Open(std::string_view format,
                                               const types::Schema& schema) {
  std::string known;
  for (const Format& one : kFormats) {
    if (one.name == format) return one.open(schema);
    known += (known.empty() ? "" : ", ") + std::string(one.name);
  }
  return InvalidConf("unknown record format; write one of " + known + ": \"" + std::string(format) +
                     "\"");
}

}  // namespace catena::topic
