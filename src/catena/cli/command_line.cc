// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <new>
#include <system_error>
#include <utility>

#include "catena/base/version.h"
#include "catena/cli/command.h"
#include "catena/cli/help_text.h"
#include "catena/cli/subprogram.h"

namespace catena::cli {
namespace {

bool AsksForHelp(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") return false;
    if (argument == "--help" || argument == "-h") return true;
  }
  return false;
}

int Fail(const std::string& verb, const Error& error, bool hint) {
  const std::string name = verb.empty() ? "catena" : "catena " + verb;
  std::string message = error.message;
  if (hint) message += "; see `" + name + " --help`";
  fmt::print(stderr, "{}: {}\n", name, message);
  return ExitCodeOf(error.code);
}

// `--repo DIR` and `-Z key=value` may stand before the verb, too.
size_t LeadingFlags(const std::vector<std::string>& arguments) {
  size_t i = 0;
  while (i < arguments.size() && arguments[i].starts_with("-")) {
    const std::string& flag = arguments[i];
    if (flag == "--repo" || flag == "-Z") {
      i += 2;
    } else if (flag.starts_with("--repo=") || flag.starts_with("-Z")) {
      i += 1;
    } else {
      break;
    }
  }
  return std::min(i, arguments.size());
}

const Command* Find(const std::vector<Command>& commands, const std::string& name) {
  for (const Command& command : commands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

bool IsFamily(const std::vector<Command>& commands, const std::string& word) {
  return std::any_of(commands.begin(), commands.end(),
                     [&](const Command& command) { return command.name.starts_with(word + " "); });
}

int RunOne(const std::vector<Command>& commands, const Command& command,
           std::vector<std::string> arguments) {
  CommonFlags common;
  common.commands = &commands;
  Flags flags;
  const Run run = command.declare(&flags, &common);
  DeclareCommon(&flags, &common);
  if (AsksForHelp(arguments)) {
    fmt::print("{}", CommandHelp(command, flags));
    return 0;
  }
  if (const Status parsed = flags.Parse(std::move(arguments)); !parsed.ok()) {
    return Fail(command.name, parsed.error(), true);
  }
  Result<int> code = 0;
  try {
    code = run();
  } catch (const std::bad_alloc&) {
    code = Unavailable(
        "memory ran out; free some, take --memory-limit down, or ask for less at once, then run "
        "the same command again: what it finished is kept");
  }
  std::fflush(stdout);
  return code.ok() ? *code : Fail(command.name, code.error(), false);
}

int RunUnknown(const std::vector<Command>& commands, const std::string& verb,
               const std::vector<std::string>& before, const std::vector<std::string>& after) {
  CommonFlags common;
  Flags flags;
  DeclareCommon(&flags, &common);
  if (const Status parsed = flags.Parse(before); !parsed.ok()) {
    return Fail("", parsed.error(), true);
  }
  const std::string repository = common.repository.empty() ? "." : common.repository;
  std::vector<std::string> arguments = after;
  // Only what was given: the program may know nothing of it.
  arguments.insert(arguments.begin(), before.begin(), before.end());
  const Error absent = ExecSubprogram("catena-" + verb, arguments, repository);
  std::vector<std::string> names;
  for (const Subprogram& program : Subprograms()) names.emplace_back(program.verb);
  for (const Command& command : commands) names.push_back(command.name);
  const std::vector<std::string> near = NearestNames(verb, names);
  std::string message = absent.message;
  if (!near.empty()) message += "; did you mean " + near[0] + "?";
  return Fail("", InvalidConf(message), near.empty());
}

int RunVerb(const std::vector<Command>& commands, std::vector<std::string> arguments) {
  const size_t leading = LeadingFlags(arguments);
  const std::vector<std::string> before(arguments.begin(), arguments.begin() + leading);
  std::vector<std::string> rest(arguments.begin() + leading, arguments.end());
  if (rest.empty()) {
    fmt::print(stderr, "{}", ProgramHelp(commands));
    return 2;
  }
  const std::string verb = rest[0];
  if (verb == "--help" || verb == "-h") {
    fmt::print("{}", ProgramHelp(commands));
    return 0;
  }
  if (verb == "--version") {
    fmt::print("catena {}\n", kVersion);
    return 0;
  }
  if (verb.starts_with("-")) return Fail("", InvalidConf("unknown flag: " + verb), true);
  const Command* command = rest.size() > 1 ? Find(commands, verb + " " + rest[1]) : nullptr;
  const size_t words = command == nullptr ? 1 : 2;
  if (command == nullptr) command = Find(commands, verb);
  if (command == nullptr && IsFamily(commands, verb)) {
    if (AsksForHelp(rest)) {
      fmt::print("{}", FamilyHelp(commands, verb));
      return 0;
    }
    const std::string what =
        rest.size() > 1 ? "unknown verb: " + verb + " " + rest[1] : "wants one more word";
    return Fail(verb, InvalidConf(what), true);
  }
  rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(words));
  if (command == nullptr) return RunUnknown(commands, verb, before, rest);
  rest.insert(rest.begin(), before.begin(), before.end());
  return RunOne(commands, *command, std::move(rest));
}

}  // namespace

int RunCommandLine(const std::vector<Command>& commands, std::vector<std::string> arguments) {
  int code = 0;
  try {
    code = RunVerb(commands, std::move(arguments));
  } catch (const std::system_error&) {
    if (std::ferror(stdout) == 0) throw;  // What fmt throws is of a file.
  }
  // What a full disk did not take would be lost without a word.
  std::cout.flush();
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout) return code;
  return Fail("", Unavailable("cannot write to standard output; is its disk full?"), false);
}

Result<Settings> CommonFlags::Load() const {
  const std::string start = repository.empty() ? "." : repository;
  std::error_code code;
  if (!std::filesystem::is_directory(start, code)) {
    return InvalidConf("--repo is a folder with catena.yaml in it or above it: " + start);
  }
  CATENA_TRY(Settings settings, LoadSettings(start));
  for (const std::string& assignment : overrides) {
    CATENA_RETURN_IF_ERROR(ApplyOverride(assignment, &settings));
  }
  return settings;
}

}  // namespace catena::cli
