// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/rocksdb/commit_file.h"

#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <filesystem>
#include <system_error>

#include "catena/kv/rocksdb_options.h"

namespace catena::kv {
namespace {

// Of a file of level 0, soon to be merged: not what the last level is worth.
rocksdb::Options OptionsOf(const rocksdb::DB& db) {
  rocksdb::Options options = db.GetOptions();
  options.bottommost_compression = rocksdb::kDisableCompressionOption;
  auto table = *options.table_factory->GetOptions<rocksdb::BlockBasedTableOptions>();
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

// No name of RocksDB's, which leaves such files alone. What a kill left there may be a file of the
// store by another name already, so the name goes, and nothing is written into it.
CommitFile::CommitFile(rocksdb::DB* db, const std::string& folder)
    : db_(db), path_(folder + "/commit.file"), writer_(rocksdb::EnvOptions(), OptionsOf(*db)) {
  std::error_code code;
  std::filesystem::remove(path_, code);
  status_ = code ? rocksdb::Status::IOError(path_, code.message()) : writer_.Open(path_);
}

CommitFile::~CommitFile() {
  std::error_code ignored;  // Ingested, it is there under another name.
  std::filesystem::remove(path_, ignored);
}

Status CommitFile::Failed() const { return RocksDBError(status_, "cannot write to the store"); }

Status CommitFile::Ingest() {
  if (status_.ok()) status_ = writer_.Finish();
  if (!status_.ok()) return Failed();
  rocksdb::IngestExternalFileOptions options;
  options.move_files = true;
  options.failed_move_fall_back_to_copy = true;
  options.write_global_seqno = false;
  status_ = db_->IngestExternalFile({path_}, options);
  return status_.ok() ? Status() : Failed();
}

}  // namespace catena::kv
