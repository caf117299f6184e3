// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/snapshot.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "catena/base/bytes.h"
#include "catena/base/file.h"
#include "catena/base/hash.h"

namespace catena::kv {
namespace {

constexpr std::string_view kMagic = "catena snapshot 1\n";
constexpr size_t kFrameBytes = size_t{1} << 20;     // About; a frame holds at least one value.
constexpr size_t kFrameBytesMax = size_t{1} << 30;  // Of a frame that is believed.
constexpr size_t kFrameHeaderBytes = 8;
constexpr char kValues = 'V';
constexpr char kMarks = 'M';
constexpr char kEnd = 'E';

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

Error CannotUse(const std::string& path, const char* verb) {
  return Unavailable("cannot " + std::string(verb) + " " + path + ": " + std::strerror(errno));
}

std::string Fixed32(uint32_t value) {
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &value, 4);
  return bytes;
}

// Emptied, and this process's alone: what another one writes there would be renamed half.
Result<File> BeginFile(const std::string& path) {
  const int descriptor = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  if (descriptor < 0) return CannotUse(path, "write");
  File file(fdopen(descriptor, "wb"), std::fclose);
  if (file == nullptr) {
    const Error refused = CannotUse(path, "write");
    close(descriptor);
    return refused;
  }
  struct stat mine, there;
  const bool is_mine = flock(descriptor, LOCK_EX | LOCK_NB) == 0 && fstat(descriptor, &mine) == 0 &&
                       stat(path.c_str(), &there) == 0 && mine.st_ino == there.st_ino;
  if (!is_mine) return Unavailable("another process writes this snapshot: " + path);
  if (ftruncate(descriptor, 0) != 0) return CannotUse(path, "write");
  return file;
}

class SnapshotWriter {
 public:
  SnapshotWriter(std::FILE* file, std::string path) : file_(file), path_(std::move(path)) {}

  Status Begin() { return WriteBytes(kMagic); }
  Status Add(const std::string& dataset, std::string_view key, const TimedValue& value) {
    if (frame_.empty()) frame_.push_back(kValues);
    AppendSized(&frame_, dataset);
    AppendSized(&frame_, key);
    AppendZigzag(&frame_, ToMillis(value.time));
    AppendVarint(&frame_, value.sequence);
    AppendSized(&frame_, value.value);
    ++counts_.values;
    return frame_.size() < kFrameBytes ? Status() : Flush();
  }
  Status Add(const Mark& mark) {
    if (frame_.empty()) frame_.push_back(kMarks);
    AppendSized(&frame_, mark.dataset);
    AppendSized(&frame_, mark.name);
    AppendSized(&frame_, mark.value);
    ++counts_.marks;
    return frame_.size() < kFrameBytes ? Status() : Flush();
  }
  Status Flush() {
    if (frame_.empty()) return Status();
    CATENA_RETURN_IF_ERROR(
        WriteBytes(Fixed32(static_cast<uint32_t>(frame_.size())) + Fixed32(Crc32c(frame_))));
    CATENA_RETURN_IF_ERROR(WriteBytes(frame_));
    frame_.clear();
    return Status();
  }
  Status End() {
    CATENA_RETURN_IF_ERROR(Flush());
    frame_.push_back(kEnd);
    AppendVarint(&frame_, counts_.values);
    AppendVarint(&frame_, counts_.marks);
    CATENA_RETURN_IF_ERROR(Flush());
    if (std::fflush(file_) != 0 || fsync(fileno(file_)) != 0) return CannotUse(path_, "write");
    return Status();
  }
  const SnapshotCounts& counts() const { return counts_; }

 private:
  Status WriteBytes(std::string_view bytes) {
    counts_.bytes += bytes.size();
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size()) return Status();
    return CannotUse(path_, "write");
  }

  std::FILE* file_;
  std::string path_;
  std::string frame_;
  SnapshotCounts counts_;
};

Result<std::vector<Mark>> AllMarks(KVStore* store) {
  CATENA_TRY(const std::vector<std::string> datasets, store->ListDatasets());
  std::vector<Mark> marks;
  for (const std::string& dataset : datasets) {
    CATENA_TRY(const std::vector<Mark> of_dataset, store->ListMarks(dataset, ""));
    marks.insert(marks.end(), of_dataset.begin(), of_dataset.end());
  }
  return marks;
}

bool Same(const std::vector<Mark>& a, const std::vector<Mark>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Mark& x, const Mark& y) {
    return x.dataset == y.dataset && x.name == y.name && x.value == y.value;
  });
}

Status WriteAll(KVStore* store, SnapshotWriter* writer, const SnapshotProgress& progress) {
  CATENA_RETURN_IF_ERROR(writer->Begin());
  CATENA_TRY(const std::vector<Mark> marks, AllMarks(store));
  CATENA_TRY(const std::vector<std::string> datasets, store->ListDatasets());
  for (const std::string& dataset : datasets) {
    Status written;
    CATENA_RETURN_IF_ERROR(store->Scan(dataset, [&](std::string_view key, const TimedValue& value) {
      written = writer->Add(dataset, key, value);
      if (progress && writer->counts().values % 65536 == 0) progress(writer->counts());
      return written.ok();
    }));
    CATENA_RETURN_IF_ERROR(written);
  }
  CATENA_RETURN_IF_ERROR(writer->Flush());
  for (const Mark& mark : marks) CATENA_RETURN_IF_ERROR(writer->Add(mark));
  CATENA_RETURN_IF_ERROR(writer->End());
  CATENA_TRY(const std::vector<Mark> marks_now, AllMarks(store));
  if (Same(marks, marks_now)) return Status();
  return Unavailable(
      "the store was written to while it was copied: stop what streams or uploads into it, then "
      "run the same command again");
}

class SnapshotReader {
 public:
  SnapshotReader(std::FILE* file, std::string path) : file_(file), path_(std::move(path)) {}

  Status Begin() {
    std::string magic;
    if (Take(kMagic.size(), &magic) && magic == kMagic) return Status();
    return InvalidData(path_ + ": no snapshot of this version: `catena state snapshot` makes one");
  }
  // False behind the last frame.
  Result<bool> Next(WriteBatch* batch) {
    *batch = WriteBatch();
    const auto place = static_cast<uint64_t>(std::ftell(file_));
    std::string header;
    std::string frame;
    if (!Take(kFrameHeaderBytes, &header)) return Broken(place, "it ends before its end");
    uint32_t numbers[2];
    std::memcpy(numbers, header.data(), kFrameHeaderBytes);
    if (numbers[0] == 0 || numbers[0] > kFrameBytesMax || !Take(numbers[0], &frame)) {
      return Broken(place, "it ends before its end");
    }
    if (Crc32c(frame) != numbers[1]) return Broken(place, "its checksum is another");
    ByteReader reader(std::string_view(frame).substr(1));
    if (frame[0] == kEnd) {
      const bool whole = reader.Varint() == counts_.values && reader.Varint() == counts_.marks;
      if (whole && reader.ok() && reader.AtEnd()) return false;
      return Broken(place, "parts are missing");
    }
    if (frame[0] != kValues && frame[0] != kMarks) return Broken(place, "its kind is unknown");
    while (reader.ok() && !reader.AtEnd()) {
      frame[0] == kValues ? ReadValue(&reader, batch) : ReadMark(&reader, batch);
    }
    if (!reader.ok()) return Broken(place, "it does not decode");
    counts_.bytes = place + kFrameHeaderBytes + frame.size();
    return true;
  }
  const SnapshotCounts& counts() const { return counts_; }

 private:
  void ReadValue(ByteReader* reader, WriteBatch* batch) {
    Put put;
    put.dataset = reader->Sized();
    put.key = reader->Sized();
    put.value.time = FromMillis(reader->Zigzag());
    put.value.sequence = reader->Varint();
    put.value.value = reader->Sized();
    batch->puts.push_back(std::move(put));
    ++counts_.values;
  }
  void ReadMark(ByteReader* reader, WriteBatch* batch) {
    Mark mark;
    mark.dataset = reader->Sized();
    mark.name = reader->Sized();
    mark.value = reader->Sized();
    batch->marks.push_back(std::move(mark));
    ++counts_.marks;
  }
  bool Take(size_t count, std::string* into) {
    into->resize(count);
    return std::fread(into->data(), 1, count, file_) == count;
  }
  Error Broken(uint64_t place, const char* what) const {
    return Corruption(path_ + ": the frame at byte " + std::to_string(place) +
                      " is broken: " + what + "; take another snapshot");
  }

  std::FILE* file_;
  std::string path_;
  SnapshotCounts counts_;
};

// Every frame of the file, values before marks.
Result<SnapshotCounts> ReadAll(const std::string& path,
                               const std::function<Status(const WriteBatch&)>& take,
                               const SnapshotProgress& progress) {
  const File file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr && errno == ENOENT) {
    return InvalidConf(path + ": no such file; `catena state snapshot` makes one");
  }
  if (file == nullptr) return CannotUse(path, "read");
  SnapshotReader reader(file.get(), path);
  CATENA_RETURN_IF_ERROR(reader.Begin());
  WriteBatch batch;
  while (true) {
    CATENA_TRY(const bool is_there, reader.Next(&batch));
    if (!is_there) return reader.counts();
    CATENA_RETURN_IF_ERROR(take(batch));
    if (progress) progress(reader.counts());
  }
}

}  // namespace

Result<SnapshotCounts> WriteSnapshot(KVStore* store, const std::string& path,
                                     const SnapshotProgress& progress) {
  const std::string beside = path + ".writing";
  CATENA_TRY(const File file, BeginFile(beside));
  SnapshotWriter writer(file.get(), beside);
  Status written = WriteAll(store, &writer, progress);
  if (written.ok() && std::rename(beside.c_str(), path.c_str()) != 0) {
    written = CannotUse(path, "write");
  }
  if (written.ok()) {
    CATENA_RETURN_IF_ERROR(SyncPath((std::filesystem::path(".") / path).parent_path()));
    return writer.counts();
  }
  std::remove(beside.c_str());
  return written.error();
}

Result<SnapshotCounts> RestoreSnapshot(const std::string& path, KVStore* store,
                                       const SnapshotProgress& progress) {
  CATENA_RETURN_IF_ERROR(ReadAll(path, [](const WriteBatch&) { return Status(); }, {}).status());
  CATENA_TRY(const std::vector<Mark> marks, AllMarks(store));
  if (!marks.empty()) {
    return InvalidConf("the store is in use, it holds " + marks.front().dataset + "/" +
                       marks.front().name + ": restore into an empty one");
  }
  // Values that nothing names are those of a restore that was killed, of another snapshot maybe.
  CATENA_TRY(const std::vector<std::string> left, store->ListDatasets());
  for (const std::string& dataset : left) CATENA_RETURN_IF_ERROR(store->DropDataset(dataset));
  // All marks in one write, last: until then nothing says that the values are there.
  WriteBatch named;
  CATENA_TRY(const SnapshotCounts counts,
             ReadAll(
                 path,
                 [&](const WriteBatch& batch) {
                   named.marks.insert(named.marks.end(), batch.marks.begin(), batch.marks.end());
                   return batch.puts.empty() ? Status() : store->Apply({batch.puts, {}});
                 },
                 progress));
  CATENA_RETURN_IF_ERROR(store->Sync());
  CATENA_RETURN_IF_ERROR(store->Apply(named, /*durable=*/true));
  return counts;
}

}  // namespace catena::kv
