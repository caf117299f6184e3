// SPDX-License-Identifier: Apache-2.0
// Help: what `catena --help` and `catena <verb> --help` print, and the same as Markdown.
//
//   output   text of at most 100 columns; groups and verbs in the order of the table of commands

#pragma once

#include <string>
#include <vector>

#include "catena/cli/command.h"

namespace catena::cli {

void DeclareCommon(Flags* flags, CommonFlags* common);

std::string ProgramHelp(const std::vector<Command>& commands);
// The verbs that begin with one word, "topic".
std::string FamilyHelp(const std::vector<Command>& commands, const std::string& word);
std::string CommandHelp(const Command& command, const Flags& flags);
// docs/reference/cli.md.
std::string MarkdownHelp(const std::vector<Command>& commands);

}  // namespace catena::cli
