// SPDX-License-Identifier: Apache-2.0
// Programs that are found as verbs, the way git finds its subcommands: `catena x` is `catena-x`.
//
//   input    looked for on PATH, then beside this binary, then in .venv/bin of the repository, of
//            this binary's folder and of every folder above either; it gets CATENA_BIN, the path
//            of this binary
//   errors   returns only when there is none: kInvalidConf

#pragma once

#include <string>
#include <vector>

#include "catena/base/result.h"

namespace catena::cli {

// A program that catena's Python package brings, so that help and completion name it too.
struct Subprogram {
  const char* verb;
  const char* group;  // As in the table of commands.
  const char* summary;
};
const std::vector<Subprogram>& Subprograms();

// Where a program is; kInvalidConf when there is none.
Result<std::string> FindSubprogram(const std::string& name, const std::string& repository);

// The absolute path of the running binary.
std::string ProgramPath();

// Replaces this process.
Error ExecSubprogram(const std::string& name, const std::vector<std::string>& arguments,
                     const std::string& repository);

}  // namespace catena::cli
