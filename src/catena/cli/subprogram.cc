// SPDX-License-Identifier: Apache-2.0
#include "catena/cli/subprogram.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace catena::cli {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> FoldersToSearch(const std::string& repository) {
  std::vector<fs::path> folders;
  if (const char* path = std::getenv("PATH")) {
    std::string_view rest = path;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find(':'), rest.size());
      if (end > 0) folders.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  folders.push_back(fs::path(ProgramPath()).parent_path());
  // A feature repository's own environment, then that of the checkout this binary was built in.
  for (const fs::path& start : {fs::path(repository), fs::path(ProgramPath()).parent_path()}) {
    for (fs::path folder = start; folder.has_relative_path(); folder = folder.parent_path()) {
      folders.push_back(folder / ".venv" / "bin");
    }
  }
  return folders;
}

}  // namespace

const std::vector<Subprogram>& Subprograms() {
  static const std::vector<Subprogram> programs = {
      {"init", "Define", "Make a new feature repository with a chain that works (catena-init)."},
      {"compile", "Define", "Turn Python definitions into compiled confs (catena-compile)."},
      {"import", "Tables", "Bring a Delta or Iceberg table into the warehouse (catena-import)."},
  };
  return programs;
}

std::string ProgramPath() {
  std::error_code code;
  const fs::path path = fs::read_symlink("/proc/self/exe", code);
  return code ? std::string("catena") : path.string();
}

Result<std::string> FindSubprogram(const std::string& name, const std::string& repository) {
  for (const fs::path& folder : FoldersToSearch(repository)) {
    const std::string path = (folder / name).string();
    if (access(path.c_str(), X_OK) == 0 && !fs::is_directory(path)) return path;
  }
  const std::string verb = name.substr(name.find('-') + 1);
  return InvalidConf("no such verb, and no program " + name +
                     " on PATH, beside catena or in .venv/bin: " + verb);
}

Error ExecSubprogram(const std::string& name, const std::vector<std::string>& arguments,
                     const std::string& repository) {
  const auto path = FindSubprogram(name, repository);
  if (!path.ok()) return path.error();
  setenv("CATENA_BIN", ProgramPath().c_str(), 1);
  std::vector<char*> argv = {const_cast<char*>(path->c_str())};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  execv(path->c_str(), argv.data());
  return InvalidConf("cannot run " + *path + ": " + std::strerror(errno));
}

}  // namespace catena::cli
