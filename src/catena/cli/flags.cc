// SPDX-License-Identifier: Apache-2.0
#include "catena/cli/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "catena/base/settings.h"

namespace catena::cli {
namespace {

struct Declaration {
  std::string names;  // As CLI11 takes them: "--name,-n", or the positional's own, or both.
  std::string value_name;
  bool positional = false;
};

Declaration Split(const std::string& text) {
  const size_t space = text.find(' ');
  if (text[0] != '-') return {text, text.substr(0, text.find(',')), true};
  if (space == std::string::npos) return {text, "", false};
  return {text.substr(0, space), text.substr(space + 1), false};
}

}  // namespace

struct Flags::Parser {
  CLI::App app;
};

Flags::Flags() : parser_(std::make_unique<Parser>()) {
  parser_->app.set_help_flag("");  // Help is rendered from the descriptions.
}
Flags::~Flags() = default;

FlagDescription* Flags::Describe(const std::string& names, const std::string& help, Need need) {
  const Declaration declaration = Split(names);
  FlagDescription description;
  if (!declaration.positional) {
    description.names = declaration.names;
    if (const size_t comma = description.names.find(','); comma != std::string::npos) {
      const bool by_position = description.names[comma + 1] != '-';
      if (by_position) description.names.erase(comma);
      if (!by_position) description.names.insert(comma + 1, " ");
    }
  }
  description.value_name = declaration.value_name;
  description.help = help;
  description.required = need == Need::kRequired;
  descriptions_.push_back(std::move(description));
  return &descriptions_.back();
}

void Flags::Text(const std::string& names, std::string* value, const std::string& help, Need need) {
  Describe(names, help, need);
  auto* option = parser_->app.add_option(Split(names).names, *value, help);
  if (need == Need::kRequired) option->required();
}

void Flags::Texts(const std::string& names, std::vector<std::string>* values,
                  const std::string& help, Need need) {
  Describe(names, help, need)->repeated = true;
  auto* option = parser_->app.add_option(Split(names).names, *values, help);
  option->take_all();
  if (need == Need::kRequired) option->required();
}

void Flags::Repeated(const std::string& names, std::vector<std::string>* values,
                     const std::string& help) {
  Describe(names, help, Need::kOptional)->repeated = true;
  parser_->app.add_option(Split(names).names, *values, help)->take_all()->allow_extra_args(false);
}

void Flags::Whole(const std::string& names, std::optional<int64_t>* value,
                  const std::string& help) {
  Describe(names, help, Need::kOptional);
  parser_->app.add_option_function<int64_t>(
      Split(names).names, [value](const int64_t& read) { *value = read; }, help);
}

void Flags::Number(const std::string& names, std::optional<double>* value,
                   const std::string& help) {
  Describe(names, help, Need::kOptional);
  parser_->app.add_option_function<double>(
      Split(names).names, [value](const double& read) { *value = read; }, help);
}

void Flags::Switch(const std::string& names, bool* value, const std::string& help) {
  Describe(names, help, Need::kOptional);
  parser_->app.add_flag(Split(names).names, *value, help);
}

void Flags::Truth(const std::string& names, bool* value, const std::string& help) {
  Describe(names + " [true|false]", help, Need::kOptional);
  parser_->app
      .add_option_function<std::string>(
          Split(names).names, [value](const std::string& text) { *value = text != "false"; }, help)
      ->expected(0, 1)
      ->check(CLI::IsMember({"true", "false", ""}));
}

void Flags::Choice(const std::string& names, std::string* value, std::vector<std::string> choices,
                   const std::string& help) {
  Describe(names, help, Need::kOptional)->choices = choices;
  parser_->app.add_option(Split(names).names, *value, help)
      ->check([choices](const std::string& given) {
        if (std::find(choices.begin(), choices.end(), given) != choices.end()) {
          return std::string();
        }
        std::string list;
        for (const std::string& choice : choices) list += (list.empty() ? "" : ", ") + choice;
        return "takes one of " + list + ": " + given;
      });
}

Error Flags::Explain(const std::string& problem) const {
  std::vector<std::string> known;
  for (const FlagDescription& flag : descriptions_) {
    if (flag.names.starts_with("--")) known.push_back(flag.names.substr(0, flag.names.find(',')));
  }
  for (const std::string& extra : parser_->app.remaining()) {
    if (!extra.starts_with("-")) continue;
    const std::vector<std::string> near = NearestNames(extra.substr(0, extra.find('=')), known);
    return InvalidConf("unknown flag" +
                       (near.empty() ? std::string() : ", did you mean " + near[0] + "?") + ": " +
                       extra);
  }
  return InvalidConf(problem);
}

Status Flags::Parse(std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back.
  try {
    parser_->app.parse(std::move(arguments));
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = parser_->app.remaining();
    return Explain("unexpected argument: " + (extras.empty() ? std::string() : extras[0]));
  } catch (const CLI::RequiredError& error) {
    return Explain(error.what());
  } catch (const CLI::ParseError& error) {
    return Explain(error.what());
  } catch (const std::exception& error) {
    return Explain(error.what());
  }
  return Status();
}

}  // namespace catena::cli
