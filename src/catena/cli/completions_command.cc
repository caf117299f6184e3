// SPDX-License-Identifier: Apache-2.0
// `catena completions`: what bash and zsh need to complete verbs and flags.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <set>

#include "catena/cli/commands.h"
#include "catena/cli/subprogram.h"

namespace catena::cli {
namespace {

std::string FlagsOf(const Command& command) {
  Flags flags;
  const CommonFlags common;
  const Run unused = command.declare(&flags, &common);
  std::string words = "--repo -Z --help";
  for (const FlagDescription& flag : flags.descriptions()) {
    if (flag.names.starts_with("--")) {
      words += " " + flag.names.substr(0, flag.names.find(','));
    }
  }
  return words;
}

// One function serves both shells: zsh runs it through bashcompinit.
std::string Script(const std::vector<Command>& commands) {
  std::set<std::string> verbs;
  for (const Subprogram& program : Subprograms()) verbs.insert(program.verb);
  std::map<std::string, std::string> second;
  std::string cases;
  for (const Command& command : commands) {
    const size_t space = command.name.find(' ');
    verbs.insert(command.name.substr(0, space));
    if (space != std::string::npos) {
      second[command.name.substr(0, space)] += command.name.substr(space + 1) + " ";
    }
    cases += fmt::format("    '{}') words='{}' ;;\n", command.name, FlagsOf(command));
  }
  std::string families;
  for (const auto& [word, rest] : second) {
    families += fmt::format("    '{}') words='{}' ;;\n", word, rest);
  }
  return fmt::format(R"(_catena() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '{}' -- "$current"))
    return
  fi
  if [ "$COMP_CWORD" -eq 2 ]; then
    case "${{COMP_WORDS[1]}}" in
{}    esac
  fi
  case "${{COMP_WORDS[1]}}" in
{}  esac
  case "${{COMP_WORDS[1]}} ${{COMP_WORDS[2]}}" in
{}  esac
  if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$current")); fi
  if [ "${{#COMPREPLY[@]}}" -eq 0 ]; then COMPREPLY=($(compgen -f -- "$current")); fi
}}
complete -F _catena catena
)",
                     fmt::join(verbs, " "), families, cases, cases);
}

Result<int> Print(const std::string& shell, const CommonFlags& common) {
  if (shell != "bash" && shell != "zsh") {
    return InvalidConf("there are completions for bash and zsh: " + shell);
  }
  if (shell == "zsh") fmt::print("autoload -U +X bashcompinit && bashcompinit\n");
  fmt::print("{}", Script(*common.commands));
  return 0;
}

}  // namespace

Command CompletionsCommand() {
  return {"completions",
          "About",
          "Print completions of verbs and flags for bash or zsh.",
          "",
          "  catena completions bash >~/.local/share/bash-completion/completions/catena\n"
          "  eval \"$(catena completions zsh)\"\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<std::string>();
            flags->Text("SHELL", given.get(), "bash or zsh.", Need::kRequired);
            return [given, common] { return Print(*given, *common); };
          }};
}

}  // namespace catena::cli
