// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/rocksdb_store.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "catena/base/log.h"
#include "catena/kv/horizon_filter.h"
#include "catena/kv/rocksdb/commit_file.h"
#include "catena/kv/rocksdb_reads.h"
#include "catena/kv/store_folder.h"

namespace catena::kv {
namespace {

constexpr std::chrono::seconds kSyncInterval{1};
// A write that would take this share of the memory for writes is a file at once.
constexpr size_t kFileShare = 8;
// What a put takes beside its key and value, stored: tag, id, end of the key, instant.
constexpr size_t kPutOverhead = kValueKeyBytesMin;

// Marks as of the newest write: a stream asks for the same few before each micro-batch, and writes
// once a second.
class KnownMarks {
 public:
  using Value = std::optional<std::string>;
  // `as_of` grows with every write, and is asked for before `read` reads: what is written meanwhile
  // makes it another number.
  template <typename Read>
  Result<Value> Get(std::string_view dataset, std::string_view name, uint64_t as_of,
                    const Read& read) {
    std::string place(dataset);
    place.append(1, '\0').append(name);
    {
      const std::shared_lock lock(mutex_);
      const auto known = marks_.find(place);
      if (as_of_ == as_of && known != marks_.end()) return known->second;
    }
    CATENA_TRY(Value value, read());
    const std::unique_lock lock(mutex_);
    if (as_of_ < as_of) marks_.clear();
    as_of_ = std::max(as_of_, as_of);
    if (as_of_ == as_of) marks_.insert_or_assign(std::move(place), value);
    return value;
  }

 private:
  std::shared_mutex mutex_;  // Guards what follows.
  uint64_t as_of_ = 0;
  std::unordered_map<std::string, Value> marks_;  // By dataset and name.
};

class RocksDBStore : public KVStore {
 public:
  RocksDBStore(std::unique_ptr<rocksdb::DB> db, const RocksDBPlace& place,
               std::shared_ptr<Horizons> horizons)
      : db_(std::move(db)), place_(place), reads_(db_.get()), horizons_(std::move(horizons)) {}
  ~RocksDBStore() override;

  // Once, before any other call.
  Status Start();

  std::vector<Result<std::vector<TimedValue>>> MultiGet(
      std::span<const GetRequest> requests) override {
    return reads_.MultiGet(requests);
  }
  Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                             std::string_view name) override {
    return known_marks_.Get(dataset, name, db_->GetLatestSequenceNumber() + files_,
                            [&] { return reads_.GetMark(dataset, name); });
  }
  Result<std::vector<Mark>> ListMarks(std::string_view dataset, std::string_view prefix) override {
    return reads_.ListMarks(dataset, prefix);
  }
  Status Apply(const WriteBatch& batch, bool durable) override;
  Status ApplySorted(const SortedPuts& puts, std::span<const Mark> marks) override;
  Status SetHorizon(std::string_view dataset, Timestamp horizon) override;
  Status Scan(std::string_view dataset,
              const std::function<bool(std::string_view, const TimedValue&)>& visit) override {
    return reads_.Scan(dataset, visit);
  }
  Result<std::vector<std::string>> ListDatasets() override { return reads_.ListDatasets(); }
  Result<uint64_t> ApproximateBytes(std::string_view dataset) override {
    return reads_.ApproximateBytes(dataset);
  }
  Status DropDataset(std::string_view dataset) override;
  Status Sync() override;
  Status Resume() override;
  Status Compact() override {
    // What is under way knows older horizons, and files that it makes meanwhile would stay as they
    // are: it ends first.
    static_cast<void>(db_->PauseBackgroundWork());
    static_cast<void>(db_->ContinueBackgroundWork());
    const rocksdb::Status compacted = db_->CompactRange({}, nullptr, nullptr);
    return compacted.ok() ? Status() : RocksDBError(compacted, "cannot compact the store");
  }

 private:
  class BatchWriter;

  Status Write(rocksdb::WriteBatch* writes, bool durable);
  Status WriteFile(const SortedPuts& puts, BatchWriter* writer);
  static Status AddDataset(const SortedPuts& puts, size_t dataset, DatasetId id, CommitFile* file);
  bool HoldsUpWrites() const;
  Status ResumeIfHalted();
  void SyncEverySecond(const std::stop_token& stop);

  std::unique_ptr<rocksdb::DB> db_;
  RocksDBPlace place_;
  RocksDBReads reads_;
  KnownMarks known_marks_;
  std::shared_ptr<Horizons> horizons_;
  std::mutex file_mutex_;  // Held while a file is written and taken in.
  // That were taken in: RocksDB counts none that lies where nothing was.
  std::atomic<uint64_t> files_ = 0;
  std::mutex naming_mutex_;  // Held from giving out an id until its name key is written.
  DatasetId largest_id_ = 0;
  std::atomic<bool> dirty_ = false;   // Something was applied since the last sync began.
  std::atomic<bool> halted_ = false;  // A write failed: RocksDB may wait to be resumed.
  std::mutex sync_mutex_;
  std::condition_variable_any sync_wake_;
  std::jthread sync_thread_;
};

// One WriteBatch of ours as one of RocksDB's, giving ids to new datasets on the way.
class RocksDBStore::BatchWriter {
 public:
  explicit BatchWriter(RocksDBStore* store)
      : store_(store), naming_(store->naming_mutex_, std::defer_lock) {}

  Result<DatasetId> IdOf(std::string_view dataset) {
    if (last_ && last_->first == dataset) return last_->second;
    CATENA_TRY(std::optional<DatasetId> id, store_->reads_.FindDataset(dataset));
    if (!id) {
      CATENA_TRY(id, Name(dataset));
    }
    last_.emplace(dataset, *id);
    return *id;
  }

  Status Add(const PutView& put) {
    CATENA_TRY(const DatasetId id, IdOf(put.dataset));
    key_.clear();
    AppendValuePrefix(&key_, id, put.key);
    AppendInstant(&key_, put.time, put.sequence);
    return Store(key_, put.value);
  }
  Status Add(const Put& put) {
    return Add(PutView{put.dataset, put.key, put.value.time, put.value.sequence, put.value.value});
  }
  Status Add(const Mark& mark) {
    CATENA_TRY(const DatasetId id, IdOf(mark.dataset));
    return Store(MarkKey(id, mark.name), mark.value);
  }

  rocksdb::WriteBatch* writes() { return &writes_; }

 private:
  Result<std::optional<DatasetId>> Name(std::string_view dataset) {
    if (!naming_.owns_lock()) naming_.lock();
    if (const auto found = named_.find(dataset); found != named_.end()) {
      return std::optional<DatasetId>(found->second);
    }
    // Another batch may have named it before we had the lock.
    CATENA_TRY(std::optional<DatasetId> id, store_->reads_.FindDataset(dataset));
    if (id) return id;
    id = ++store_->largest_id_;
    CATENA_RETURN_IF_ERROR(Store(NameKey(dataset), EncodeDatasetId(*id)));
    named_.emplace(dataset, *id);
    return id;
  }

  Status Store(std::string_view key, std::string_view value) {
    const rocksdb::Status status = writes_.Put(rocksdb::Slice(key.data(), key.size()),
                                               rocksdb::Slice(value.data(), value.size()));
    return status.ok() ? Status() : RocksDBError(status, "cannot write to the store");
  }

  RocksDBStore* store_;
  std::unique_lock<std::mutex> naming_;
  rocksdb::WriteBatch writes_;
  std::string key_;
  std::map<std::string, DatasetId, std::less<>> named_;
  std::optional<std::pair<std::string_view, DatasetId>> last_;
};

RocksDBStore::~RocksDBStore() {
  sync_thread_.request_stop();
  sync_wake_.notify_all();
  if (sync_thread_.joinable()) sync_thread_.join();
  if (const Status synced = Sync(); !synced.ok()) {
    CATENA_LOG_ERROR("kv.close", "{}", synced.error().message);
  }
}

Status RocksDBStore::Start() {
  CATENA_TRY(largest_id_, reads_.LargestDatasetId());
  sync_thread_ = std::jthread([this](const std::stop_token& stop) { SyncEverySecond(stop); });
  return Status();
}

Status RocksDBStore::Apply(const WriteBatch& batch, bool durable) {
  BatchWriter writer(this);
  for (const Put& put : batch.puts) CATENA_RETURN_IF_ERROR(writer.Add(put));
  for (const Mark& mark : batch.marks) CATENA_RETURN_IF_ERROR(writer.Add(mark));
  return Write(writer.writes(), durable);
}

Status RocksDBStore::ApplySorted(const SortedPuts& puts, std::span<const Mark> marks) {
  BatchWriter writer(this);
  for (const Mark& mark : marks) CATENA_RETURN_IF_ERROR(writer.Add(mark));
  const size_t bytes = puts.size() * kPutOverhead + puts.bytes();
  const bool is_large = bytes >= (place_.write_buffer_mb << 20) / kFileShare;
  if (is_large && !HoldsUpWrites()) return WriteFile(puts, &writer);
  CATENA_RETURN_IF_ERROR(puts.VisitAll([&writer](const PutView& put) { return writer.Add(put); }));
  return Write(writer.writes(), /*durable=*/false);
}

// RocksDB does when it has more files than it merges; it takes files in all the same.
bool RocksDBStore::HoldsUpWrites() const {
  uint64_t stopped = 0, delayed = 0;
  db_->GetIntProperty(rocksdb::DB::Properties::kIsWriteStopped, &stopped);
  db_->GetIntProperty(rocksdb::DB::Properties::kActualDelayedWriteRate, &delayed);
  return stopped != 0 || delayed != 0;
}

// Names and marks of a batch, which are few, in the order of a file.
class SmallWrites : public rocksdb::WriteBatch::Handler {
 public:
  rocksdb::Status PutCF(uint32_t, const rocksdb::Slice& key, const rocksdb::Slice& value) override {
    values_[key.ToString()] = value.ToString();
    return rocksdb::Status::OK();
  }
  Status AddTo(CommitFile* file) const {
    for (const auto& [key, value] : values_) CATENA_RETURN_IF_ERROR(file->Add(key, value));
    return Status();
  }

 private:
  std::map<std::string, std::string> values_;
};

Status RocksDBStore::AddDataset(const SortedPuts& puts, size_t dataset, DatasetId id,
                                CommitFile* file) {
  std::string stored;
  std::optional<std::string_view> key;  // Of the put before, which is this one's or not.
  size_t prefix = 0;
  return puts.VisitEach(dataset, [&](const PutView& put) {
    const bool is_same = key == put.key;
    stored.resize(is_same ? prefix : 0);
    if (!is_same) AppendValuePrefix(&stored, id, put.key);
    prefix = stored.size();
    key = put.key;
    AppendInstant(&stored, put.time, put.sequence);
    return file->Add(stored, put.value);
  });
}

Status RocksDBStore::WriteFile(const SortedPuts& puts, BatchWriter* writer) {
  std::vector<std::pair<DatasetId, size_t>> order;  // And the number that the puts give it.
  for (size_t dataset = 0; dataset < puts.datasets(); ++dataset) {
    CATENA_TRY(const DatasetId id, writer->IdOf(puts.NameOf(dataset)));
    order.emplace_back(id, dataset);
  }
  std::sort(order.begin(), order.end());
  CATENA_RETURN_IF_ERROR(ResumeIfHalted());
  const std::lock_guard lock(file_mutex_);
  CommitFile file(db_.get(), place_.path);
  const Status written = [&]() -> Status {
    SmallWrites small;
    static_cast<void>(writer->writes()->Iterate(&small));  // Its own bytes.
    CATENA_RETURN_IF_ERROR(small.AddTo(&file));
    for (const auto& [id, dataset] : order) {
      CATENA_RETURN_IF_ERROR(AddDataset(puts, dataset, id, &file));
    }
    // A crash of the machine would leave the file without what was logged before it, the names of
    // its datasets among that.
    CATENA_RETURN_IF_ERROR(Sync());
    return file.Ingest();
  }();
  ++files_;
  halted_ = halted_ || !written.ok();
  return written;
}

Status RocksDBStore::Write(rocksdb::WriteBatch* writes, bool durable) {
  CATENA_RETURN_IF_ERROR(ResumeIfHalted());
  rocksdb::WriteOptions options;
  options.sync = durable;
  const rocksdb::Status status = db_->Write(options, writes);
  if (!status.ok()) {
    halted_ = true;
    return RocksDBError(status, "cannot write to the store");
  }
  if (!durable) dirty_ = true;
  return Status();
}

// RocksDB refuses writes after a failed one (a full disk) until told that the cause is gone.
Status RocksDBStore::ResumeIfHalted() {
  if (!halted_.exchange(false)) return Status();
  const rocksdb::Status resumed = db_->Resume();
  if (resumed.ok()) return Status();
  halted_ = true;
  return RocksDBError(resumed,
                      "writes stopped after one failed, restart if this stays when the cause is "
                      "gone");
}

// That RocksDB may write again says nothing of the disk; a write does: what nothing has is removed.
Status RocksDBStore::Resume() {
  if (!halted_) return Status();
  rocksdb::WriteBatch probe;
  probe.Delete(MarkKey(0, ""));
  return Write(&probe, /*durable=*/false);
}

Status RocksDBStore::SetHorizon(std::string_view dataset, Timestamp horizon) {
  BatchWriter writer(this);
  CATENA_TRY(const DatasetId id, writer.IdOf(dataset));
  if (writer.writes()->Count() > 0) CATENA_RETURN_IF_ERROR(Write(writer.writes(), false));
  horizons_->Raise(id, horizon);
  return Status();
}

// Its id stays its own.
Status RocksDBStore::DropDataset(std::string_view dataset) {
  CATENA_TRY(const std::optional<DatasetId> id, reads_.FindDataset(dataset));
  if (!id) return Status();
  rocksdb::WriteBatch writes;
  for (const char tag : {kMarkTag, kValueTag}) {
    const std::string prefix = DatasetPrefix(tag, *id);
    writes.DeleteRange(prefix, AfterPrefix(prefix));
  }
  CATENA_RETURN_IF_ERROR(Write(&writes, /*durable=*/true));
  horizons_->Forget(*id);
  return Status();
}

Status RocksDBStore::Sync() {
  // Debian's RocksDB aborts the process when a log that could not be written is synced.
  CATENA_RETURN_IF_ERROR(ResumeIfHalted());
  dirty_ = false;
  const rocksdb::Status status = db_->SyncWAL();
  if (status.ok()) return Status();
  dirty_ = true;
  return RocksDBError(status, "cannot sync the store");
}

void RocksDBStore::SyncEverySecond(const std::stop_token& stop) {
  std::unique_lock lock(sync_mutex_);
  while (!stop.stop_requested()) {
    sync_wake_.wait_for(lock, stop, kSyncInterval, [] { return false; });
    if (!dirty_) continue;
    if (const Status synced = Sync(); !synced.ok()) {
      CATENA_LOG_ERROR("kv.sync", "{}", synced.error().message);
    }
  }
}

Error OpenError(const rocksdb::Status& status, const std::string& path) {
  if (!status.IsIOError() || status.ToString().find("/LOCK") == std::string::npos) {
    return RocksDBError(status, "cannot open the store").WithContext(path);
  }
  const std::optional<int> owner = ReadOwner(path);
  return Unavailable("another process owns the store: stop it or go through it: " + path +
                     ": pid " + (owner ? std::to_string(*owner) : "unknown"));
}

}  // namespace

Result<std::unique_ptr<KVStore>> OpenRocksDBOwner(const RocksDBPlace& place) {
  CATENA_RETURN_IF_ERROR(CreateStoreFolder(place.path));
  auto horizons = std::make_shared<Horizons>();
  rocksdb::Options options = RocksDBOptions(place);
  options.create_if_missing = true;
  options.compaction_filter_factory = std::make_shared<HorizonFilterFactory>(horizons);
  // On busy cores flushes and compactions give way to those who serve and stream.
  for (const auto pool : {rocksdb::Env::LOW, rocksdb::Env::HIGH}) {
    static_cast<void>(options.env->LowerThreadPoolCPUPriority(pool, rocksdb::CpuPriority::kLow));
  }
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, place.path, &db);
  if (!status.ok()) return OpenError(status, place.path);
  auto store = std::make_unique<RocksDBStore>(std::unique_ptr<rocksdb::DB>(db), place, horizons);
  CATENA_RETURN_IF_ERROR(store->Start());
  return std::unique_ptr<KVStore>(std::move(store));
}

}  // namespace catena::kv
