// SPDX-License-Identifier: Apache-2.0
#include "catena/sql/few_texts.h"

#include <array>
#include <cstring>
#include <string_view>

#include "catena/base/hash.h"

namespace catena::sql {
namespace {

constexpr size_t kTextsMost = 255;
constexpr size_t kRowsPerText = 5;

// What tells most texts apart without going through them; all of a text of at most 16 bytes.
struct Ends {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t size = 0;

  explicit Ends(std::string_view text) : size(text.size()) {
    const auto word = [&]<typename Word>(Word value, size_t at) {
      std::memcpy(&value, text.data() + at, sizeof(value));
      return uint64_t{value};
    };
    if (size >= 8) {
      first = word(uint64_t{}, 0);
      last = word(uint64_t{}, size - 8);
    } else if (size >= 4) {
      first = word(uint32_t{}, 0);
      last = word(uint32_t{}, size - 4);
    } else if (size > 0) {
      first = word(uint8_t{}, 0) << 16 | word(uint8_t{}, size / 2) << 8 | word(uint8_t{}, size - 1);
    }
  }
  bool operator==(const Ends&) const = default;
  bool IsAll() const { return size <= 16; }
  uint64_t Hash() const { return MixHash(first ^ last * 0x9e3779b97f4a7c15u ^ size); }
};

class Dictionary {
 public:
  static constexpr size_t kFull = SIZE_MAX;

  // The code of the text, or kFull where it is one too many or no ENUM can hold it.
  size_t CodeOf(std::string_view text) {
    const Ends ends(text);
    for (size_t at = ends.Hash() % slots_.size();; at = (at + 1) % slots_.size()) {
      Slot& slot = slots_[at];
      if (!slot.taken) {
        if (texts.size() == kTextsMost || text.find('\0') != std::string_view::npos) return kFull;
        slot = {true, static_cast<uint8_t>(texts.size()), ends};
        texts.emplace_back(text);
        return slot.code;
      }
      if (slot.ends == ends && (ends.IsAll() || texts[slot.code] == text)) return slot.code;
    }
  }

  std::vector<std::string> texts;

 private:
  struct Slot {
    bool taken = false;
    uint8_t code = 0;
    Ends ends{""};
  };
  std::array<Slot, 1024> slots_;
};

}  // namespace

std::optional<FewTexts> FewTexts::Of(const std::vector<types::Batch>& batches, size_t column) {
  FewTexts few;
  Dictionary dictionary;
  size_t rows = 0;
  for (const types::Batch& batch : batches) {
    const types::Column& texts = batch.column(column);
    std::vector<uint8_t>& codes = few.codes.emplace_back(texts.size(), uint8_t{0});
    for (size_t row = 0; row < codes.size(); ++row) {
      if (texts.IsNull(row)) continue;
      const size_t code = dictionary.CodeOf(texts.Text(row));
      if (code == Dictionary::kFull) return std::nullopt;
      codes[row] = static_cast<uint8_t>(code);
    }
    rows += codes.size();
  }
  few.texts = std::move(dictionary.texts);
  if (few.texts.empty() || few.texts.size() * kRowsPerText > rows) return std::nullopt;
  return few;
}

}  // namespace catena::sql
