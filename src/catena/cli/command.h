// SPDX-License-Identifier: Apache-2.0
// Command: one verb of `catena`: its name, help, flags and what it runs.
//
//   input    `declare` puts the verb's flags on Flags and answers what runs once they were read
//   output   Run answers an exit code; an error is printed as one line, `catena <verb>: <message>`,
//            and ends with ExitCodeOf: 2 usage or conf, 1 failures, 75 a dependency is down
//            or memory ran out

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "catena/base/result.h"
#include "catena/base/settings.h"
#include "catena/cli/flags.h"

namespace catena::cli {

struct Command;

// What every verb takes: `--repo DIR` and `-Z key=value`.
struct CommonFlags {
  std::string repository;
  std::vector<std::string> overrides;
  const std::vector<Command>* commands = nullptr;  // For `help` and `completions`.

  Result<Settings> Load() const;
};

using Run = std::function<Result<int>()>;

struct Command {
  std::string name;      // "join", "topic produce".
  std::string group;     // Heading in `catena --help`.
  std::string summary;   // One line.
  std::string details;   // Paragraphs of `catena <verb> --help`; may be empty.
  std::string examples;  // Lines of `catena <verb> --help`.
  // `common` is filled by the time that Run is called, and outlives it.
  Run (*declare)(Flags* flags, const CommonFlags* common);
};

// Runs what `arguments` (without the program's name) ask for; the process's exit code.
int RunCommandLine(const std::vector<Command>& commands, std::vector<std::string> arguments);

}  // namespace catena::cli
