// SPDX-License-Identifier: Apache-2.0
#include "catena/sql/few_texts.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "catena/base/random.h"
#include "catena/sql/database.h"
#include "catena/sql/quote.h"

namespace catena::sql {
namespace {

using types::Value;

const types::Schema kSchema{{{"t", types::Kind::kString}}};

types::Batch BatchOf(const std::vector<Value>& texts) {
  types::BatchBuilder builder(kSchema);
  for (const Value& text : texts) EXPECT_TRUE(builder.AppendRow({&text, 1}).ok());
  return builder.Build();
}
std::vector<Value> Repeated(const std::vector<Value>& texts, size_t times) {
  std::vector<Value> all;
  for (size_t i = 0; i < times; ++i) all.insert(all.end(), texts.begin(), texts.end());
  return all;
}

TEST(FewTextsTest, AreInTheOrderOfTheirFirstRows) {
  const auto few = FewTexts::Of({BatchOf(Repeated({Value(), "b", "", "a"}, 5))}, 0);
  ASSERT_TRUE(few.has_value());
  EXPECT_EQ(few->texts, (std::vector<std::string>{"b", "", "a"}));
  EXPECT_EQ(few->codes[0][4], 0);
  EXPECT_EQ(few->codes[0][7], 2);
}

TEST(FewTextsTest, ManyAreNot) {
  std::vector<Value> many;
  for (int i = 0; i < 255; ++i) many.emplace_back("text " + std::to_string(i));
  EXPECT_TRUE(FewTexts::Of({BatchOf(Repeated(many, 5))}, 0).has_value());
  EXPECT_FALSE(FewTexts::Of({BatchOf(Repeated(many, 4))}, 0).has_value());
  many.emplace_back("one more");
  EXPECT_FALSE(FewTexts::Of({BatchOf(Repeated(many, 9))}, 0).has_value());
}

TEST(FewTextsTest, NoneAreNot) {
  EXPECT_FALSE(FewTexts::Of({}, 0).has_value());
  EXPECT_FALSE(FewTexts::Of({BatchOf({})}, 0).has_value());
  EXPECT_FALSE(FewTexts::Of({BatchOf(Repeated({Value()}, 100))}, 0).has_value());
}

// A name of an ENUM would end at the zero.
TEST(FewTextsTest, AZeroByteIsNot) {
  EXPECT_FALSE(FewTexts::Of({BatchOf(Repeated({std::string("a\0b", 3)}, 100))}, 0).has_value());
}

// The codes say the texts, and the file that is written of them gives these back, in several
// batches, beside texts that are many.
TEST(FewTextsTest, SayWhatTheColumnDoes) {
  const auto database = Database::Open({}).value();
  const std::string path = std::filesystem::temp_directory_path() /
                           ("few-texts-" + std::to_string(getpid()) + ".parquet");
  constexpr uint64_t kSeed = 20'000'000;
  for (uint64_t seed = kSeed; seed < kSeed + 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const size_t most = 1 + random.Below(300);
    std::vector<std::string> known;
    for (size_t i = 0; i < most; ++i) {
      // Many share their ends.
      std::string text(random.Below(random.OneIn(3) ? 40 : 12), 'x');
      for (char& c : text) {
        if (random.OneIn(8)) c = static_cast<char>('a' + random.Below(3));
      }
      known.push_back(text);
    }
    std::vector<types::Batch> batches;
    std::vector<Value> all;
    std::set<std::string> distinct;
    for (uint64_t b = random.Below(4); b > 0; --b) {
      std::vector<Value> texts;
      for (uint64_t row = random.Below(8000); row > 0; --row) {
        texts.emplace_back();
        if (random.OneIn(10)) continue;
        const std::string& text = known[random.Below(known.size())];
        texts.back() = text;
        distinct.insert(text);
      }
      all.insert(all.end(), texts.begin(), texts.end());
      batches.push_back(BatchOf(texts));
    }
    const auto few = FewTexts::Of(batches, 0);
    ASSERT_EQ(few.has_value(),
              !distinct.empty() && distinct.size() <= 255 && distinct.size() * 5 <= all.size());
    size_t at = 0;
    for (size_t b = 0; few && b < batches.size(); ++b) {
      for (size_t row = 0; row < batches[b].rows(); ++row, ++at) {
        if (all[at].is_null()) continue;
        ASSERT_EQ(Value(few->texts[few->codes[b][row]]), all[at]);
      }
    }
    ParquetOptions options;
    options.version = 2;
    ASSERT_TRUE(database->CopyToParquet(kSchema, batches, path, options).ok());
    const types::Batch read =
        database->Query("SELECT t FROM read_parquet(" + QuoteText(path) + ")").value();
    ASSERT_EQ(read.schema(), kSchema);
    ASSERT_EQ(read.rows(), all.size());
    for (size_t row = 0; row < all.size(); ++row) ASSERT_EQ(read.column(0).ValueAt(row), all[row]);
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace catena::sql
