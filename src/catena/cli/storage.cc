// SPDX-License-Identifier: Apache-2.0
#include "catena/cli/storage.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "catena/base/file.h"
#include "catena/cli/subprogram.h"
#include "catena/streaming/reset.h"
#include "catena/table/lake.h"

namespace catena::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfFolders[] = {"group_bys", "joins"};

fs::path Production(const Settings& settings) {
  return fs::path(settings.repository) / "production";
}

std::vector<std::string> ConfFiles(const Settings& settings) {
  std::vector<std::string> files;
  std::error_code code;
  for (const char* folder : kConfFolders) {
    for (const auto& entry :
         fs::recursive_directory_iterator(Production(settings) / folder, code)) {
      if (entry.is_regular_file() && !entry.path().filename().string().starts_with(".")) {
        files.push_back(entry.path().string());
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

Error NoSuchConf(const Settings& settings, const std::string& path) {
  std::vector<std::string> known;  // Each as it may be said, with production/ and without.
  for (const std::string& file : ConfFiles(settings)) {
    known.push_back(fs::path(file).lexically_relative(settings.repository).string());
    known.push_back(fs::path(file).lexically_relative(Production(settings)).string());
  }
  const std::vector<std::string> near = NearestNames(path, known);
  if (!near.empty()) return InvalidConf("no such conf, did you mean " + near[0] + "?: " + path);
  return InvalidConf("no such conf; `catena compile` writes them below " +
                     Production(settings).string() + ": " + path);
}

}  // namespace

Result<std::string> ConfPath(const Settings& settings, const std::string& path) {
  if (path.ends_with(".py")) {
    return InvalidConf(
        "a conf is what `catena compile` makes of a Python file, below production/: " + path);
  }
  std::error_code code;
  for (const fs::path& place :
       {fs::path(path), fs::path(settings.repository) / path, Production(settings) / path}) {
    if (fs::is_regular_file(place, code)) return place.string();
    if (fs::is_directory(place, code)) {
      return InvalidConf("a conf is a file, this is a folder: " + place.string());
    }
  }
  return NoSuchConf(settings, path);
}

Result<conf::Conf> OpenConf(const Settings& settings, const std::string& path) {
  CATENA_TRY(const std::string place, ConfPath(settings, path));
  return conf::ReadConf(place);
}

Result<std::vector<conf::Conf>> OpenConfs(const Settings& settings,
                                          const std::vector<std::string>& paths) {
  std::vector<conf::Conf> confs;
  for (const std::string& path : paths) {
    CATENA_TRY(conf::Conf conf, OpenConf(settings, path));
    confs.push_back(std::move(conf));
  }
  return confs;
}

Result<std::vector<conf::Conf>> RepositoryConfs(const Settings& settings) {
  CATENA_TRY(auto confs, OpenConfs(settings, ConfFiles(settings)));
  if (confs.empty()) {
    return InvalidConf(
        "no compiled confs; run `catena compile` in the feature repository, or name "
        "them with --conf-path: " +
        Production(settings).string());
  }
  return confs;
}

Result<std::vector<conf::Conf>> GivenOrRepositoryConfs(const Settings& settings,
                                                       const std::vector<std::string>& paths) {
  return paths.empty() ? RepositoryConfs(settings) : OpenConfs(settings, paths);
}

// A scan of a small table.
constexpr uint64_t kMemoryLeast = 16'000'000;

Result<uint64_t> ParseBytes(std::string_view text) {
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit(end, text.data() + text.size());
  while (unit.starts_with(' ')) unit.erase(0, 1);
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  constexpr std::pair<const char*, double> kUnits[] = {
      {"", 1},      {"B", 1},        {"KB", 1e3},        {"MB", 1e6},          {"GB", 1e9},
      {"TB", 1e12}, {"KIB", 1024.0}, {"MIB", 1048576.0}, {"GIB", 1073741824.0}};
  for (const auto& [name, factor] : kUnits) {
    if (code == std::errc() && unit == name && number > 0) {
      return static_cast<uint64_t>(number * factor);
    }
  }
  return InvalidConf("memory_limit is a number of bytes as in 2GB, 512MiB: " + std::string(text));
}

// Where tables lie that the warehouse only links to: DuckDB looks at the folders themselves.
std::vector<std::string> LinkedFolders(const std::string& warehouse) {
  std::vector<std::string> folders;
  std::error_code code;
  const auto add = [&](const fs::path& path) {
    if (!fs::is_symlink(path, code)) return;
    const fs::path target = fs::canonical(path, code);
    if (!code) folders.push_back(target.string());
  };
  for (const auto& space : fs::directory_iterator(warehouse, code)) {
    if (!space.path().filename().string().ends_with(".db")) continue;
    add(space.path());
    for (const auto& table : fs::directory_iterator(space.path(), code)) add(table.path());
  }
  return folders;
}

Result<std::unique_ptr<sql::Database>> OpenDatabase(const Settings& settings,
                                                    const std::vector<std::string>& also,
                                                    bool callers_only) {
  sql::DatabaseOptions options;
  CATENA_TRY(options.memory_limit_bytes, ParseBytes(settings.memory_limit));
  if (options.memory_limit_bytes < kMemoryLeast) {
    return InvalidConf("a memory limit is 16MB at least: " + settings.memory_limit);
  }
  options.callers_only = callers_only;
  options.temp_directory = (fs::path(settings.warehouse) / ".spill").string();
  options.allowed_directories = LinkedFolders(settings.warehouse);
  options.allowed_directories.push_back(settings.warehouse);
  options.allowed_directories.insert(options.allowed_directories.end(), also.begin(), also.end());
  return sql::Database::Open(options);
}

Result<table::Warehouse> OpenWarehouse(const Settings& settings, sql::Database* database,
                                       bool make) {
  CATENA_TRY(auto warehouse, make ? table::Warehouse::Create(settings.warehouse, database)
                                  : table::Warehouse::Open(settings.warehouse, database));
  const auto program = [repository = settings.repository]() -> Result<std::string> {
    auto path = FindSubprogram("catena-lake", repository);
    if (path.ok()) return path;
    return Unsupported(
        "tables of Delta Lake and Iceberg are read with catena's Python package, and there is no "
        "program catena-lake on PATH, beside catena or in .venv/bin; pip install 'catena[tables]'");
  };
  warehouse.ReadLakesWith(
      std::make_shared<table::LakeReader>(program, warehouse.root() + "/_lake"));
  return warehouse;
}

Result<std::unique_ptr<kv::KVStore>> OpenStore(const Settings& settings, kv::OpenMode mode) {
  auto store = kv::OpenKVStore(settings.kv_url, mode);
  if (!store.ok() && store.error().code == ErrorCode::kNotFound) {
    return NotFound(
        "there is no online state yet; `catena group-by-upload` or `catena "
        "group-by-streaming` makes it: " +
        settings.kv_url);
  }
  return store;
}

// An owner makes a store that is not there; who only looks at one first refuses.
Result<std::unique_ptr<kv::KVStore>> OwnExistingStore(const Settings& settings) {
  {
    CATENA_TRY(const auto store, OpenStore(settings, kv::OpenMode::kReadOnly));
    CATENA_TRY(const bool is_streamed, kv::HasOneOwner(settings.kv_url)
                                           ? Result<bool>(false)
                                           : streaming::IsStreamedInto(store.get(), SystemClock()));
    if (is_streamed) return Unavailable("a process streams into this store: stop it first");
  }
  return OpenStore(settings, kv::OpenMode::kOwn);
}

Result<topic::TopicAddress> AddressOf(const Settings& settings, const std::string& topic) {
  return topic::ParseTopicAddress(topic, settings.topics_default, settings.kafka);
}

Result<types::Schema> ReadSchemaFile(const std::string& path) {
  CATENA_TRY(const Json json, ReadJsonFile(path));
  const Error shape =
      InvalidConf(path + ": a schema is a JSON array of [\"column\", \"TYPE\"] pairs");
  if (!json.is_array() || json.empty()) return shape;
  types::Schema schema;
  for (const Json& pair : json) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      return shape;
    }
    const auto name = pair[0].get<std::string>();
    auto type = types::ParseType(pair[1].get<std::string>());
    if (!type.ok()) return type.error().WithContext(path + ": " + name);
    if (schema.Find(name)) return InvalidConf(path + ": two columns of one name: " + name);
    schema.fields.push_back({name, std::move(*type)});
  }
  return schema;
}

std::string SchemaFileOf(const Settings& settings, const std::string& table) {
  return (fs::path(settings.repository) / "schemas" / (table + ".json")).string();
}

Result<std::string> ReadTextOrStdin(const std::string& path) {
  if (path == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  }
  auto text = ReadFile(path);
  if (!text.ok() && text.error().code == ErrorCode::kNotFound) {
    return InvalidConf("no such file: " + path);
  }
  return text;
}

}  // namespace catena::cli
