// SPDX-License-Identifier: Apache-2.0
#include "catena/cli/line_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace catena::cli {
namespace {

constexpr size_t kReadBytes = 1 << 20;
constexpr size_t kLineBytesMax = 16 << 20;

}  // namespace

Result<LineReader> LineReader::Open(const std::string& path) {
  if (path == "-") return LineReader(dup(STDIN_FILENO));
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return InvalidConf("cannot read " + path + ": " + std::strerror(errno));
  return LineReader(descriptor);
}

LineReader::LineReader(LineReader&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      number_(other.number_),
      at_end_(other.at_end_),
      rest_(std::move(other.rest_)) {}

LineReader::~LineReader() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<std::vector<Line>> LineReader::Next() {
  std::vector<Line> lines;
  const auto add = [&](std::string text) {
    ++number_;
    if (text.ends_with('\r')) text.pop_back();
    if (!text.empty()) lines.push_back({number_, std::move(text)});
  };
  while (lines.empty() && !at_end_) {
    const size_t begun = rest_.size();
    rest_.resize(begun + kReadBytes);
    const ssize_t bytes = read(descriptor_, rest_.data() + begun, kReadBytes);
    rest_.resize(begun + static_cast<size_t>(std::max<ssize_t>(bytes, 0)));
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return Unavailable(std::string("cannot read: ") + std::strerror(errno));
    at_end_ = bytes == 0;
    size_t start = 0;
    for (size_t end = rest_.find('\n', begun); end != std::string::npos;
         end = rest_.find('\n', start)) {
      add(rest_.substr(start, end - start));
      start = end + 1;
    }
    rest_.erase(0, start);
    if (at_end_ && !rest_.empty()) add(std::exchange(rest_, {}));
    if (rest_.size() > kLineBytesMax) {
      return InvalidData("line " + std::to_string(number_ + 1) + " is longer than 16 MiB");
    }
  }
  return lines;
}

}  // namespace catena::cli
