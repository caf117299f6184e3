// SPDX-License-Identifier: Apache-2.0
// Runs a libFuzzer entry point without libFuzzer: first every file named on the command line (or
// in a folder named there), then seeded random inputs, each a mutation of one of those files.
//
//   usage    x_fuzz [-seed=N] [-runs=N] [-max_total_time=SECONDS] [file or folder]...
//   output   the seed, then the number of inputs run; a crash is the finding
//   errors   exit 2 when a file cannot be read
//   threads  one

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kInputBytesMax = 4096;
constexpr int kMutationsMax = 8;

struct Options {
  uint64_t seed = std::random_device{}();
  int64_t runs = 100'000;
  std::chrono::seconds total_time{60};
  std::vector<std::filesystem::path> inputs;
};

bool Flag(std::string_view argument, std::string_view name, int64_t& value) {
  if (!argument.starts_with(name)) return false;
  value = std::strtoll(argument.data() + name.size(), nullptr, 10);
  return true;
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    int64_t value = 0;
    if (Flag(argv[i], "-seed=", value)) {
      options.seed = static_cast<uint64_t>(value);
    } else if (Flag(argv[i], "-runs=", value)) {
      options.runs = value;
    } else if (Flag(argv[i], "-max_total_time=", value)) {
      options.total_time = std::chrono::seconds{value};
    } else {
      options.inputs.emplace_back(argv[i]);
    }
  }
  return options;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::cerr << "cannot read " << path << "\n";
    std::exit(2);
  }
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> ReadCorpus(const std::vector<std::filesystem::path>& inputs) {
  std::vector<std::string> corpus;
  for (const auto& input : inputs) {
    if (!std::filesystem::is_directory(input)) {
      corpus.push_back(ReadFile(input));
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(input)) {
      if (entry.is_regular_file()) corpus.push_back(ReadFile(entry.path()));
    }
  }
  return corpus;
}

void Run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

size_t Below(std::mt19937_64& random, size_t limit) { return random() % limit; }

std::string Mutate(const std::vector<std::string>& corpus, std::mt19937_64& random) {
  std::string input = corpus.empty() ? std::string() : corpus[Below(random, corpus.size())];
  const size_t mutations = 1 + Below(random, kMutationsMax);
  for (size_t i = 0; i < mutations; ++i) {
    const char byte = static_cast<char>(random());
    const size_t at = Below(random, input.size() + 1);
    const size_t kind = Below(random, 4);
    if (kind == 0 || at == input.size()) {
      input.insert(at, 1 + Below(random, 16), byte);
    } else if (kind == 1) {
      input.erase(at, 1 + Below(random, 16));
    } else if (kind == 2) {
      input[at] = byte;
    } else {
      input[at] = static_cast<char>(input[at] ^ (1 << Below(random, 8)));
    }
  }
  if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  const std::vector<std::string> corpus = ReadCorpus(options.inputs);
  for (const std::string& input : corpus) Run(input);

  std::cout << argv[0] << " -seed=" << options.seed << std::endl;
  std::mt19937_64 random(options.seed);
  const auto end = std::chrono::steady_clock::now() + options.total_time;
  int64_t runs = 0;
  while (runs < options.runs && std::chrono::steady_clock::now() < end) {
    Run(Mutate(corpus, random));
    ++runs;
  }
  std::cout << corpus.size() << " files and " << runs << " random inputs passed" << std::endl;
  return 0;
}
