// SPDX-License-Identifier: Apache-2.0
// LineReader: the lines of a file or of standard input, as they come.
//
//   output   lines without their "\n" or "\r\n"; a last line may lack it; empty lines are skipped
//   errors   kInvalidConf when the file cannot be opened, kUnavailable when reading fails,
//            kInvalidData for a line of more than 16 MiB

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catena/base/result.h"

namespace catena::cli {

struct Line {
  int64_t number = 0;  // From 1.
  std::string text;
};

class LineReader {
 public:
  // "-" is standard input.
  static Result<LineReader> Open(const std::string& path);
  LineReader(LineReader&& other) noexcept;
  LineReader(const LineReader&) = delete;
  ~LineReader();

  // Lines of one read; waits for at least one. Empty only at the end.
  Result<std::vector<Line>> Next();

 private:
  explicit LineReader(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
  int64_t number_ = 0;
  bool at_end_ = false;
  std::string rest_;  // Begun, not ended.
};

}  // namespace catena::cli
