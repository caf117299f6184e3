// SPDX-License-Identifier: Apache-2.0
// Confs, store, tables and schemas of a feature repository, opened as its settings say.
//
//   errors   a path, name or file that the person gave and that is not there is kInvalidConf with
//            what to do; everything else as the modules say

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/settings.h"
#include "catena/conf/conf.h"
#include "catena/kv/kv_store.h"
#include "catena/sql/database.h"
#include "catena/table/table.h"
#include "catena/topic/topic.h"

namespace catena::cli {

// `path` as given, else below the repository, else below its production/.
Result<conf::Conf> OpenConf(const Settings& settings, const std::string& path);
// Where that is.
Result<std::string> ConfPath(const Settings& settings, const std::string& path);
Result<std::vector<conf::Conf>> OpenConfs(const Settings& settings,
                                          const std::vector<std::string>& paths);
// Every GroupBy and Join below <repository>/production; kInvalidConf when there is none.
Result<std::vector<conf::Conf>> RepositoryConfs(const Settings& settings);
// `paths`, or those of the repository when there are none.
Result<std::vector<conf::Conf>> GivenOrRepositoryConfs(const Settings& settings,
                                                       const std::vector<std::string>& paths);

// "2GB", "512MiB", "1000000".
Result<uint64_t> ParseBytes(std::string_view text);
// DuckDB with the settings' memory; SQL reaches the warehouse, what tables in it are links to, and
// `also` only.
Result<std::unique_ptr<sql::Database>> OpenDatabase(const Settings& settings,
                                                    const std::vector<std::string>& also = {},
                                                    bool callers_only = false);
// The tables of the settings, those of Delta Lake and Iceberg too. A warehouse that is not there is
// made when `make` says so.
Result<table::Warehouse> OpenWarehouse(const Settings& settings, sql::Database* database,
                                       bool make = false);
// A reader of an embedded store that is not there yet is told which commands make one.
Result<std::unique_ptr<kv::KVStore>> OpenStore(const Settings& settings, kv::OpenMode mode);
// To own one that is there, as nobody else does. A Redis has no lock that a stream would hold, and
// owning it would end the stream: kUnavailable while one streams into it.
Result<std::unique_ptr<kv::KVStore>> OwnExistingStore(const Settings& settings);

Result<topic::TopicAddress> AddressOf(const Settings& settings, const std::string& topic);

// [["column", "TYPE"], ...] of a JSON text.
Result<types::Schema> ReadSchemaFile(const std::string& path);
// <repository>/schemas/<table>.json.
std::string SchemaFileOf(const Settings& settings, const std::string& table);

Result<std::string> ReadTextOrStdin(const std::string& path);

}  // namespace catena::cli
