// SPDX-License-Identifier: Apache-2.0
// Flags: what a verb takes, declared once for parsing, help, reference and completion.
//
//   input    a declaration is "--name", "--name VALUE", "--name,-n VALUE" or, by position, "VALUE";
//            "--name,VALUE VALUE" is a flag that may also be given by position, "VALUE,--name" a
//            position that may be named; the variable behind it keeps its value when it is absent
//   errors   Parse is kInvalidConf with the flag and a remedy ("did you mean")
//   source   CLI11, whose only home is this module

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catena/base/result.h"

namespace catena::cli {

enum class Need : uint8_t { kOptional, kRequired };

struct FlagDescription {
  std::string names;       // "--name, -n"; empty for a positional argument.
  std::string value_name;  // Empty for a switch.
  std::string help;
  bool required = false;
  bool repeated = false;
  std::vector<std::string> choices;
};

class Flags {
 public:
  Flags();
  ~Flags();

  void Text(const std::string& names, std::string* value, const std::string& help,
            Need need = Need::kOptional);
  // May be given again; each time with one or more values.
  void Texts(const std::string& names, std::vector<std::string>* values, const std::string& help,
             Need need = Need::kOptional);
  // May be given again; each time with exactly one value.
  void Repeated(const std::string& names, std::vector<std::string>* values,
                const std::string& help);
  void Whole(const std::string& names, std::optional<int64_t>* value, const std::string& help);
  void Number(const std::string& names, std::optional<double>* value, const std::string& help);
  void Switch(const std::string& names, bool* value, const std::string& help);
  // `--debug`, `--debug true`, `--debug false`.
  void Truth(const std::string& names, bool* value, const std::string& help);
  void Choice(const std::string& names, std::string* value, std::vector<std::string> choices,
              const std::string& help);

  Status Parse(std::vector<std::string> arguments);
  const std::vector<FlagDescription>& descriptions() const { return descriptions_; }

 private:
  struct Parser;
  FlagDescription* Describe(const std::string& names, const std::string& help, Need need);
  Error Explain(const std::string& problem) const;

  std::unique_ptr<Parser> parser_;
  std::vector<FlagDescription> descriptions_;
};

}  // namespace catena::cli
