// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/horizon_filter.h"

#include <gtest/gtest.h>

#include "catena/kv/rocksdb_options.h"
#include "catena/kv/rocksdb_reads.h"
#include "catena/kv/stores_under_test.h"

namespace catena::kv {
namespace {

std::string ValueKeyOf(DatasetId id, int64_t millis) {
  std::string key;
  AppendValuePrefix(&key, id, "k");
  AppendInstant(&key, FromMillis(millis), 1);
  return key;
}

TEST(HorizonFilterTest, CompactionForgetsWhatIsOlderAndNothingElse) {
  ScratchFolder folder;
  auto horizons = std::make_shared<Horizons>();
  rocksdb::Options options = RocksDBOptions({folder.path});
  options.create_if_missing = true;
  options.compaction_filter_factory = std::make_shared<HorizonFilterFactory>(horizons);
  rocksdb::DB* opened = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(options, folder.path, &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  for (const DatasetId id : {1u, 2u}) {
    const std::string name = "D" + std::to_string(id);
    ASSERT_TRUE(db->Put({}, NameKey(name), EncodeDatasetId(id)).ok());
    ASSERT_TRUE(db->Put({}, MarkKey(id, "a mark with a name as long as a key"), "m").ok());
    for (const int64_t millis : {-5, 0, 9, 10, 11}) {
      ASSERT_TRUE(db->Put({}, ValueKeyOf(id, millis), "v").ok());
    }
  }
  horizons->Raise(1, FromMillis(10));
  horizons->Raise(1, FromMillis(0));  // Never backwards.
  ASSERT_TRUE(db->Flush({}).ok());
  ASSERT_TRUE(db->CompactRange({}, nullptr, nullptr).ok());

  RocksDBReads reads(db.get());
  const std::vector<GetRequest> requests = {{"D1", "k"}, {"D2", "k"}};
  const auto answers = reads.MultiGet(requests);
  ASSERT_EQ(answers[0].value().size(), 2u);
  EXPECT_EQ(answers[0].value()[0].time, FromMillis(10));
  EXPECT_EQ(answers[1].value().size(), 5u);
  EXPECT_EQ(reads.ListMarks("D1", "").value().size(), 1u);
  EXPECT_EQ(reads.ListMarks("D2", "").value().size(), 1u);
}

}  // namespace
}  // namespace catena::kv
