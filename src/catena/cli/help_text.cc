// SPDX-License-Identifier: Apache-2.0
#include "catena/cli/help_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "catena/cli/subprogram.h"

namespace catena::cli {
namespace {

constexpr size_t kColumns = 100;

constexpr std::string_view kPicture =
    "catena computes chained features: Join output feeds a GroupBy, feeds the next Join; the same\n"
    "answer offline (tables) and online (topics).\n";

constexpr std::string_view kLife = R"(
The life of a chain:
  catena compile                                          Python definitions to production/
  catena table load transactions.csv payments.transactions
  catena join --conf-path production/joins/fraud/final.v1 --end-date 2026-11-20
  catena group-by-upload --conf-path production/group_bys/fraud/user_risk.v1 --end-date 2026-11-20
  catena topic create payment-events --partitions 4
  catena group-by-streaming --conf-path production/group_bys/fraud/user_risk.v1 --lag-millis 2000
  catena fetch --type join --name fraud.final.v1 --key-json '{"user_id": 7, "merchant_id": 3}'
  catena serve --port 9480
  catena monitor --watch
)";

std::string Wrap(const std::string& text, size_t indent) {
  std::string wrapped;
  size_t column = indent;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (column > indent && column + 1 + word.size() > kColumns) {
      wrapped += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      wrapped += ' ';
      ++column;
    }
    wrapped += word;
    column += word.size();
    at = end + 1;
  }
  return wrapped;
}

std::string Shape(const FlagDescription& flag) {
  std::string shape = flag.names;
  if (!flag.value_name.empty()) shape += (shape.empty() ? "" : " ") + flag.value_name;
  if (flag.repeated) shape += "...";
  return shape;
}

std::string Meaning(const FlagDescription& flag) {
  std::string meaning = flag.help;
  if (!flag.choices.empty()) {
    std::string list;
    for (const std::string& choice : flag.choices) list += (list.empty() ? "" : ", ") + choice;
    meaning += " One of " + list + ".";
  }
  if (flag.required) meaning += " Required.";
  return meaning;
}

std::vector<std::string> GroupsOf(const std::vector<Command>& commands) {
  std::vector<std::string> groups;
  for (const Command& command : commands) {
    if (std::find(groups.begin(), groups.end(), command.group) == groups.end()) {
      groups.push_back(command.group);
    }
  }
  return groups;
}

std::string Usage(const Command& command, const Flags& flags) {
  std::string usage = "catena " + command.name;
  for (const FlagDescription& flag : flags.descriptions()) {
    if (flag.required || flag.names.empty()) {
      usage += " " + (flag.required ? Shape(flag) : "[" + Shape(flag) + "]");
    }
  }
  return usage + " [flags]";
}

std::string Lines(const std::vector<Command>& commands, const std::string& group) {
  std::string text;
  for (const Command& command : commands) {
    if (command.group != group) continue;
    text += fmt::format("  {:<23} {}\n", command.name, Wrap(command.summary, 26));
  }
  return text;
}

}  // namespace

void DeclareCommon(Flags* flags, CommonFlags* common) {
  flags->Text("--repo DIR", &common->repository,
              "Folder of the feature repository: where catena.yaml is. The working folder when "
              "absent.");
  flags->Repeated("-Z KEY=VALUE", &common->overrides,
                  "Overrides catena.yaml for this run: lag_millis=500, "
                  "spark.chronon.stream.chain.lag.millis=500, warehouse=DIR, kv.url=URL.");
}

std::string ProgramHelp(const std::vector<Command>& commands) {
  std::string text(kPicture);
  text += "\nUsage: catena [--repo DIR] [-Z KEY=VALUE] <verb> [flags]\n";
  for (const std::string& group : GroupsOf(commands)) {
    text += "\n" + group + ":\n";
    for (const Subprogram& program : Subprograms()) {
      if (program.group == group) {
        text += fmt::format("  {:<23} {}\n", program.verb, program.summary);
      }
    }
    text += Lines(commands, group);
  }
  text += kLife;
  text +=
      "\n`catena <verb> --help` explains a verb. Exit codes: 0 done, 1 finished with failures,\n"
      "2 usage or conf, 75 a dependency is down, 128+n ended by signal n.\n";
  return text;
}

std::string FamilyHelp(const std::vector<Command>& commands, const std::string& word) {
  std::string text = "Usage: catena " + word + " <verb> [flags]\n\n";
  for (const Command& command : commands) {
    if (!command.name.starts_with(word + " ")) continue;
    text += fmt::format("  {:<23} {}\n", command.name, Wrap(command.summary, 26));
  }
  return text;
}

std::string CommandHelp(const Command& command, const Flags& flags) {
  std::string text = command.summary + "\n\nUsage: " + Usage(command, flags) + "\n";
  if (!command.details.empty()) text += "\n" + Wrap(command.details, 0) + "\n";
  size_t width = 0;
  for (const FlagDescription& flag : flags.descriptions()) {
    width = std::max(width, Shape(flag).size());
  }
  width = std::min<size_t>(width, 34);
  text += "\nFlags:\n";
  for (const FlagDescription& flag : flags.descriptions()) {
    text += fmt::format("  {:<{}}  {}\n", Shape(flag), width, Wrap(Meaning(flag), width + 4));
  }
  if (!command.examples.empty()) text += "\nExamples:\n" + command.examples;
  return text;
}

std::string MarkdownHelp(const std::vector<Command>& commands) {
  std::string text =
      "# catena on the command line\n\nGenerated by `tools/generate.py` from `catena "
      "help --markdown`: edit the verb's file in `src/catena/cli`.\n\nEvery verb "
      "takes `--repo DIR` and `-Z KEY=VALUE`. Exit codes: 0 done, 1 finished with "
      "failures, 2 usage or conf,\n75 a dependency is down, 128+n ended by signal "
      "n.\n";
  for (const std::string& group : GroupsOf(commands)) {
    text += "\n## " + group + "\n";
    for (const Command& command : commands) {
      if (command.group != group) continue;
      Flags flags;
      const CommonFlags common;
      const Run unused = command.declare(&flags, &common);
      text += "\n### catena " + command.name + "\n\n" + command.summary + "\n\n```\n" +
              Usage(command, flags) + "\n```\n";
      if (!command.details.empty()) text += "\n" + Wrap(command.details, 0) + "\n";
      if (!flags.descriptions().empty()) text += "\n| flag | meaning |\n|---|---|\n";
      for (const FlagDescription& flag : flags.descriptions()) {
        std::string shape = Shape(flag);
        for (size_t at = 0; (at = shape.find('|', at)) != std::string::npos; at += 2) {
          shape.insert(at, "\\");
        }
        text += "| `" + shape + "` | " + Meaning(flag) + " |\n";
      }
      if (!command.examples.empty()) text += "\n```sh\n" + command.examples + "```\n";
    }
  }
  return text;
}

}  // namespace catena::cli
