// SPDX-License-Identifier: Apache-2.0
// What is a CachedStore's own: what it asks the store behind, and what it must not remember.

#include "catena/kv/cache/cached_store.h"

#include <gtest/gtest.h>

#include "catena/kv/memory_store.h"

namespace catena::kv {
namespace {

// Counts what it is asked; may do a write and then say that it does not answer.
class StoreBehind : public MemoryKVStore {
 public:
  std::vector<Result<std::vector<TimedValue>>> MultiGet(
      std::span<const GetRequest> requests) override {
    asked += requests.size();
    return MemoryKVStore::MultiGet(requests);
  }
  Status Apply(const WriteBatch& batch, bool durable = false) override {
    CATENA_RETURN_IF_ERROR(MemoryKVStore::Apply(batch, durable));
    return loses_answers ? Status(Unavailable("the answer was lost")) : Status();
  }

  size_t asked = 0;
  bool loses_answers = false;
};

WriteBatch PutOf(const std::string& dataset, const std::string& key, int64_t millis,
                 const std::string& value) {
  return {{{dataset, key, {FromMillis(millis), 0, value}}}, {}};
}

class CachedStoreTest : public testing::Test {
 protected:
  std::string Newest(const std::string& dataset, const std::string& key, int64_t after) {
    const GetRequest request{dataset, key, FromMillis(after)};
    const auto values = store_.MultiGet({&request, 1})[0].value();
    return values.empty() ? "" : values.back().value;
  }

  StoreBehind behind_;
  CachedStore store_{&behind_, 20'000};
};

TEST_F(CachedStoreTest, WhatWasReadOrWrittenIsNotAskedForAgain) {
  ASSERT_TRUE(store_.Apply(PutOf("D", "k", 10, "a"), false).ok());
  EXPECT_EQ(Newest("D", "k", 5), "a");
  EXPECT_EQ(behind_.asked, 1u);
  ASSERT_TRUE(store_.Apply(PutOf("D", "k", 20, "b"), false).ok());
  EXPECT_EQ(Newest("D", "k", 5), "b");
  EXPECT_EQ(Newest("D", "k", 15), "b");
  EXPECT_EQ(Newest("D", "absent", 5), "");
  EXPECT_EQ(Newest("D", "absent", 5), "");
  EXPECT_EQ(behind_.asked, 2u);
  EXPECT_EQ(Newest("D", "k", 1), "b");  // Further back than what is known.
  EXPECT_EQ(behind_.asked, 3u);
}

TEST_F(CachedStoreTest, WhatOthersWriteIsNotRemembered) {
  ASSERT_TRUE(behind_.Apply(PutOf("uploaded", "k", 10, "a")).ok());
  EXPECT_EQ(Newest("uploaded", "k", 0), "a");
  ASSERT_TRUE(behind_.Apply(PutOf("uploaded", "k", 10, "b")).ok());
  EXPECT_EQ(Newest("uploaded", "k", 0), "b");
}

TEST_F(CachedStoreTest, AfterALostAnswerEverythingIsReadAnew) {
  ASSERT_TRUE(store_.Apply(PutOf("D", "k", 10, "a"), false).ok());
  EXPECT_EQ(Newest("D", "k", 0), "a");
  behind_.loses_answers = true;
  EXPECT_EQ(store_.Apply(PutOf("D", "k", 20, "b"), false).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(Newest("D", "k", 0), "b");
}

TEST_F(CachedStoreTest, WhatIsUsedStaysAndTheRestMakesRoom) {
  ASSERT_TRUE(store_.Apply(PutOf("D", "used", 10, "a"), false).ok());
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(Newest("D", std::to_string(i), 0), "");
    EXPECT_EQ(Newest("D", "used", 0), "a");
  }
  const size_t asked = behind_.asked;
  EXPECT_LT(asked, 1050u);  // Once, or a few times when the sweep met it.
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(Newest("D", std::to_string(i), 0), "");
  EXPECT_GT(behind_.asked, asked + 500);
}

TEST_F(CachedStoreTest, AKeyOfVeryManyValuesIsReadFromBehind) {
  WriteBatch batch;
  for (int i = 0; i < 1000; ++i) batch.puts.push_back({"D", "k", {FromMillis(i), 0, "v"}});
  ASSERT_TRUE(store_.Apply(batch, false).ok());
  const GetRequest all{"D", "k"};
  EXPECT_EQ(store_.MultiGet({&all, 1})[0].value().size(), 1000u);
  EXPECT_EQ(store_.MultiGet({&all, 1})[0].value().size(), 1000u);
  EXPECT_EQ(Newest("D", "k", 990), "v");
  const size_t asked = behind_.asked;
  EXPECT_EQ(Newest("D", "k", 995), "v");
  EXPECT_EQ(behind_.asked, asked);
}

}  // namespace
}  // namespace catena::kv
