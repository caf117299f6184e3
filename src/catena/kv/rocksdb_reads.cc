// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/rocksdb_reads.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <numeric>

#include "catena/kv/rocksdb_options.h"

namespace catena::kv {
namespace {

constexpr char kReading[] = "cannot read the store";
constexpr size_t kFew = 16;

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

Error BadKey() {
  return Corruption("stored bytes are damaged, keep a copy of the folder: key of no known form");
}

// An iterator over keys that begin with `prefix`, in total order, leaving the block cache alone.
class PrefixCursor {
 public:
  PrefixCursor(rocksdb::DB* db, std::string_view prefix)
      : after_(AfterPrefix(prefix)), after_slice_(after_) {
    rocksdb::ReadOptions options;
    options.total_order_seek = true;
    options.fill_cache = false;
    options.iterate_upper_bound = &after_slice_;
    iterator_.reset(db->NewIterator(options));
    iterator_->Seek(rocksdb::Slice(prefix.data(), prefix.size()));
  }
  PrefixCursor(const PrefixCursor&) = delete;
  PrefixCursor& operator=(const PrefixCursor&) = delete;

  rocksdb::Iterator* operator->() { return iterator_.get(); }
  Status End() const {
    return iterator_->status().ok() ? Status() : RocksDBError(iterator_->status(), kReading);
  }

 private:
  std::string after_;
  rocksdb::Slice after_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

// The stored keys between which the values of one request lie; empty when there can be none.
struct KeyRange {
  std::string first;
  std::string end;
  size_t request = 0;
};

TimedValue ValueAt(const rocksdb::Iterator& iterator) {
  const Instant instant = ParseInstant(View(iterator.key()));
  return TimedValue{instant.time, instant.sequence, iterator.value().ToString()};
}

std::vector<TimedValue> ReadForward(const KeyRange& range, rocksdb::Iterator* iterator) {
  std::vector<TimedValue> values;
  for (iterator->Seek(range.first); iterator->Valid(); iterator->Next()) {
    values.push_back(ValueAt(*iterator));
  }
  return values;
}

// Nothing where there are more than `count`.
std::optional<std::vector<TimedValue>> ReadAllIfFew(const KeyRange& range, size_t count,
                                                    rocksdb::Iterator* iterator) {
  std::vector<TimedValue> values;
  for (iterator->Seek(range.first); iterator->Valid(); iterator->Next()) {
    if (values.size() == count) return std::nullopt;
    values.push_back(ValueAt(*iterator));
  }
  return values;
}

// Backwards no filter of RocksDB's helps, and mostly there are few.
std::vector<TimedValue> ReadNewest(const KeyRange& range, size_t limit,
                                   rocksdb::Iterator* iterator) {
  auto few = ReadAllIfFew(range, std::min(limit, kFew), iterator);
  if (few || !iterator->status().ok()) return few.value_or(std::vector<TimedValue>());
  std::vector<TimedValue> values;
  for (iterator->SeekForPrev(range.end); iterator->Valid() && values.size() < limit;
       iterator->Prev()) {
    // A lower bound in the options would be remembered per file; ours changes with the request.
    if (iterator->key().compare(range.first) < 0) break;
    values.push_back(ValueAt(*iterator));
  }
  std::reverse(values.begin(), values.end());
  return values;
}

}  // namespace

Result<std::optional<DatasetId>> RocksDBReads::FindDataset(std::string_view name) {
  {
    std::shared_lock lock(mutex_);
    if (const auto found = ids_.find(name); found != ids_.end()) {
      return std::optional<DatasetId>(found->second);
    }
  }
  std::string bytes;
  const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), NameKey(name), &bytes);
  if (status.IsNotFound()) return std::optional<DatasetId>();
  if (!status.ok()) return RocksDBError(status, kReading);
  const std::optional<DatasetId> id = ParseDatasetId(bytes);
  if (!id) return BadKey();
  std::unique_lock lock(mutex_);
  ids_.emplace(name, *id);
  return id;
}

Status RocksDBReads::VisitNames(
    const std::function<Status(std::string_view name, DatasetId id)>& visit) {
  PrefixCursor cursor(db_, std::string_view(&kNameTag, 1));
  for (; cursor->Valid(); cursor->Next()) {
    const std::optional<DatasetId> id = ParseDatasetId(View(cursor->value()));
    if (!id) return BadKey();
    CATENA_RETURN_IF_ERROR(visit(View(cursor->key()).substr(1), *id));
  }
  return cursor.End();
}

Result<DatasetId> RocksDBReads::LargestDatasetId() {
  DatasetId largest = 0;
  CATENA_RETURN_IF_ERROR(VisitNames([&largest](std::string_view, DatasetId id) {
    largest = std::max(largest, id);
    return Status();
  }));
  return largest;
}

std::vector<Result<std::vector<TimedValue>>> RocksDBReads::MultiGet(
    std::span<const GetRequest> requests) {
  rocksdb::Slice end;
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &end;
  // The iterator before the ids: a dataset born in between is invisible as a whole.
  const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(options));

  std::vector<Result<std::vector<TimedValue>>> answers(requests.size(), std::vector<TimedValue>());
  std::vector<KeyRange> ranges;
  ranges.reserve(requests.size());
  Result<std::optional<DatasetId>> id = std::optional<DatasetId>();
  for (size_t i = 0; i < requests.size(); ++i) {
    const GetRequest& request = requests[i];
    if (i == 0 || request.dataset != requests[i - 1].dataset) id = FindDataset(request.dataset);
    if (!id.ok()) answers[i] = id.error();
    if (!id.ok() || !id->has_value() || request.after >= request.before) continue;
    KeyRange& range = ranges.emplace_back();
    range.request = i;
    AppendValuePrefix(&range.first, **id, request.key);
    range.end = range.first;
    AppendInstant(&range.first, request.after, 0);
    AppendInstant(&range.end, request.before, 0);
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const KeyRange& a, const KeyRange& b) { return a.first < b.first; });
  for (const KeyRange& range : ranges) {
    end = range.end;
    const size_t limit = requests[range.request].limit;
    std::vector<TimedValue> values =
        limit == 0 ? ReadForward(range, iterator.get()) : ReadNewest(range, limit, iterator.get());
    if (iterator->status().ok()) {
      answers[range.request] = std::move(values);
    } else {
      answers[range.request] = RocksDBError(iterator->status(), kReading);
    }
  }
  return answers;
}

Result<std::optional<std::string>> RocksDBReads::GetMark(std::string_view dataset,
                                                         std::string_view name) {
  CATENA_TRY(const std::optional<DatasetId> id, FindDataset(dataset));
  if (!id) return std::optional<std::string>();
  std::string value;
  const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), MarkKey(*id, name), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return RocksDBError(status, kReading);
  return std::optional<std::string>(std::move(value));
}

Result<std::vector<Mark>> RocksDBReads::ListMarks(std::string_view dataset,
                                                  std::string_view prefix) {
  std::vector<Mark> marks;
  CATENA_TRY(const std::optional<DatasetId> id, FindDataset(dataset));
  if (!id) return marks;
  const size_t name_at = DatasetPrefix(kMarkTag, *id).size();
  PrefixCursor cursor(db_, MarkKey(*id, prefix));
  for (; cursor->Valid(); cursor->Next()) {
    marks.push_back({std::string(dataset), std::string(View(cursor->key()).substr(name_at)),
                     cursor->value().ToString()});
  }
  CATENA_RETURN_IF_ERROR(cursor.End());
  return marks;
}

Status RocksDBReads::Scan(std::string_view dataset,
                          const std::function<bool(std::string_view, const TimedValue&)>& visit) {
  CATENA_TRY(const std::optional<DatasetId> id, FindDataset(dataset));
  if (!id) return Status();
  PrefixCursor cursor(db_, DatasetPrefix(kValueTag, *id));
  for (; cursor->Valid(); cursor->Next()) {
    const std::optional<ValueKey> parsed = ParseValueKey(View(cursor->key()));
    if (!parsed) return BadKey();
    const TimedValue value{parsed->instant.time, parsed->instant.sequence,
                           cursor->value().ToString()};
    if (!visit(parsed->key, value)) return Status();
  }
  return cursor.End();
}

bool RocksDBReads::HoldsAnything(char tag, DatasetId id) {
  PrefixCursor cursor(db_, DatasetPrefix(tag, id));
  return cursor->Valid();
}

Result<std::vector<std::string>> RocksDBReads::ListDatasets() {
  std::vector<std::string> names;
  CATENA_RETURN_IF_ERROR(VisitNames([&](std::string_view name, DatasetId id) {
    if (HoldsAnything(kMarkTag, id) || HoldsAnything(kValueTag, id)) names.emplace_back(name);
    return Status();
  }));
  return names;
}

Result<uint64_t> RocksDBReads::ApproximateBytes(std::string_view dataset) {
  CATENA_TRY(const std::optional<DatasetId> id, FindDataset(dataset));
  if (!id) return uint64_t{0};
  rocksdb::SizeApproximationOptions options;
  options.include_memtables = true;
  options.include_files = true;
  uint64_t total = 0;
  for (const char tag : {kMarkTag, kValueTag}) {
    const std::string first = DatasetPrefix(tag, *id);
    const std::string end = AfterPrefix(first);
    const rocksdb::Range range(first, end);
    uint64_t size = 0;
    const rocksdb::Status status =
        db_->GetApproximateSizes(options, db_->DefaultColumnFamily(), &range, 1, &size);
    if (!status.ok()) return RocksDBError(status, kReading);
    total += size;
  }
  return total;
}

}  // namespace catena::kv
