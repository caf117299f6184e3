// SPDX-License-Identifier: Apache-2.0
#include "catena/base/result.h"

namespace catena {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidConf:
      return "invalid conf";
    case ErrorCode::kInvalidData:
      return "invalid data";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kCorruption:
      return "corruption";
    case ErrorCode::kUnsupported:
      return "unsupported";
  }
  return "unknown";
}

int ExitCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidConf:
    case ErrorCode::kUnsupported:
      return 2;
    case ErrorCode::kUnavailable:
      return 75;
    case ErrorCode::kInvalidData:
    case ErrorCode::kNotFound:
    case ErrorCode::kCorruption:
      return 1;
  }
  return 1;
}

}  // namespace catena
