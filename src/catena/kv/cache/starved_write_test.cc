// SPDX-License-Identifier: Apache-2.0
// Memory that runs out at any moment of a write or a read: what reaches the store is whole.

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "catena/kv/cache/cached_store.h"
#include "catena/kv/cache/fronted_store.h"
#include "catena/kv/memory_store.h"

namespace {

thread_local int allocations_left = -1;  // Of this thread; below 0: any number.

}  // namespace

[[gnu::noinline]] void* operator new(size_t size) {
  if (allocations_left == 0) throw std::bad_alloc();
  if (allocations_left > 0) --allocations_left;
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace catena::kv {
namespace {

constexpr int kKeys = 8;
const std::string kLong(40, '/');  // That no string keeps in itself.

// A value of each key and a mark, all saying `round`.
WriteBatch Round(int round) {
  WriteBatch batch;
  const std::string text = kLong + std::to_string(round);
  for (int k = 0; k < kKeys; ++k) {
    batch.puts.push_back({"D", kLong + std::to_string(k), {FromMillis(1), 0, text}});
  }
  batch.marks.push_back({"D", "round", text});
  return batch;
}

// What a store holds of them; "" when they do not agree.
std::string RoundIn(KVStore* store) {
  const std::string round = store->GetMark("D", "round").value().value_or("none");
  for (const Put& put : Round(0).puts) {
    const GetRequest request{"D", put.key};
    const auto values = store->MultiGet({&request, 1})[0].value();
    if ((values.empty() ? "none" : values[0].value) != round) return "";
  }
  return round;
}

// One call that memory runs out in, for each place where it may; then what others do meanwhile.
template <typename Call>
void RunOutInEach(bool holds_back, const Call& call) {
  bool ran_out = true;
  for (int allocations = 0; ran_out; ++allocations) {
    SCOPED_TRACE(allocations);
    ASSERT_LT(allocations, 10'000);
    FrontedStore fronted(std::make_unique<MemoryKVStore>());
    MemoryKVStore plain;
    KVStore* const behind = holds_back ? static_cast<KVStore*>(&fronted) : &plain;
    {
      CachedStore cached(behind, 1 << 20);
      ASSERT_TRUE(cached.Apply(Round(1), false).ok());
      ASSERT_TRUE(cached.Commit().ok());
      ASSERT_NE(RoundIn(&cached), "none") << "kept from now on";
      const WriteBatch next = Round(2);
      allocations_left = allocations;
      try {
        call(&cached, next);
        ran_out = false;
      } catch (const std::bad_alloc&) {
      }
      allocations_left = -1;
      if (cached.GetMark("D", "round").ok()) {
        ASSERT_NE(RoundIn(&cached), "") << "half a write";
      }
      static_cast<void>(cached.Commit());
    }
    ASSERT_NE(RoundIn(behind), "") << "half a write";
  }
}

TEST(StarvedWriteTest, WhatIsHeldIsWholeOrNotStored) {
  RunOutInEach(true, [](CachedStore* cached, const WriteBatch& next) {
    ASSERT_TRUE(cached->Apply(next, false).ok());
  });
}

TEST(StarvedWriteTest, WhatIsPassedOnIsWhatIsRead) {
  RunOutInEach(false, [](CachedStore* cached, const WriteBatch& next) {
    ASSERT_TRUE(cached->Apply(next, false).ok());
  });
}

}  // namespace
}  // namespace catena::kv
