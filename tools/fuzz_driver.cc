// SPDX-License-Identifier: Apache-2.0
// Runs a libFuzzer entry point without libFuzzer: first every file named on the command line (or
// in a folder named there), then seeded random inputs, each a mutation of one of those files. A
// fuzzer that defines LLVMFuzzerCustomMutator makes its inputs itself.
//
//   usage    x_fuzz [-seed=N] [-runs=N] [-max_total_time=SECONDS] [file or folder]...
//   output   what is run and its first seed, progress, then the number of inputs run; a crash is
//            the finding, and the last line is the command that repeats it
//   order    input i follows from seed + i alone, whatever ran before
//   errors   exit 2 when a file cannot be read
//   threads  one

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/random.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" __attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                                                size_t size_max, unsigned seed);
// Of the address sanitizer, which ends the process without a signal.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

constexpr size_t kInputBytesMax = 4096;
constexpr uint64_t kMutationsMax = 8;

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

// Files of folders in the order of their names.
std::vector<std::filesystem::path> FilesOf(const std::vector<std::filesystem::path>& inputs) {
  std::vector<std::filesystem::path> files;
  for (const auto& input : inputs) {
    if (!std::filesystem::is_directory(input)) {
      files.push_back(input);
      continue;
    }
    const size_t before = files.size();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(input)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin() + static_cast<ptrdiff_t>(before), files.end());
  }
  return files;
}

// What would repeat the input that is being run; written when the process dies of it.
std::string repeat;

void SayHowToRepeat() {
  const std::string line = "repeat with: " + repeat + "\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, line.data(), line.size());
  repeat.clear();
}

void OnSignal(int signal) {
  if (!repeat.empty()) SayHowToRepeat();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void Run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

catena::Random random_bytes(0);

void MutateOnce(std::string* input) {
  const char byte = static_cast<char>(random_bytes.Next());
  const size_t at = random_bytes.Below(input->size() + 1);
  const uint64_t kind = random_bytes.Below(4);
  if (kind == 0 || at == input->size()) {
    input->insert(at, 1 + random_bytes.Below(16), byte);
  } else if (kind == 1) {
    input->erase(at, 1 + random_bytes.Below(16));
  } else if (kind == 2) {
    (*input)[at] = byte;
  } else {
    (*input)[at] = static_cast<char>((*input)[at] ^ (1 << random_bytes.Below(8)));
  }
}

std::string MakeInput(const std::vector<std::string>& corpus) {
  std::string input;
  if (!corpus.empty()) input = corpus[random_bytes.Below(corpus.size())];
  if (LLVMFuzzerCustomMutator != nullptr) {
    const size_t size = std::min(input.size(), kInputBytesMax);
    input.resize(kInputBytesMax);
    input.resize(LLVMFuzzerCustomMutator(reinterpret_cast<uint8_t*>(input.data()), size,
                                         kInputBytesMax,
                                         static_cast<unsigned>(random_bytes.Next())));
    return input;
  }
  for (uint64_t n = 1 + random_bytes.Below(kMutationsMax); n > 0; --n) MutateOnce(&input);
  if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
  return input;
}

}  // namespace

// What libFuzzer offers to custom mutators.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t size_max) {
  std::string input(reinterpret_cast<const char*>(data), size);
  MutateOnce(&input);
  if (input.size() > size_max) input.resize(size_max);
  std::copy(input.begin(), input.end(), data);
  return input.size();
}

int main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS, SIGILL}) {
    std::signal(signal, OnSignal);
  }
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(SayHowToRepeat);

  const auto files = FilesOf(options.inputs);
  std::cout << argv[0] << ": " << files.size() << " files, then up to " << options.runs
            << " random inputs or " << options.total_time.count()
            << " s from -seed=" << options.seed << std::endl;
  std::vector<std::string> corpus;
  for (const auto& file : files) {
    repeat = std::string(argv[0]) + " -runs=0 " + file.string();
    corpus.push_back(ReadFile(file));
    Run(corpus.back());
  }
  std::string corpus_arguments;
  for (const auto& input : options.inputs) corpus_arguments += " " + input.string();

  const auto end = std::chrono::steady_clock::now() + options.total_time;
  const int64_t tenth = std::max<int64_t>(options.runs / 10, 1);
  int64_t runs = 0;
  for (; runs < options.runs && std::chrono::steady_clock::now() < end; ++runs) {
    if (runs > 0 && (runs % tenth == 0 || runs % 1'000'000 == 0)) {
      std::cout << runs << " random inputs" << std::endl;
    }
    const uint64_t seed = options.seed + static_cast<uint64_t>(runs);
    random_bytes = catena::Random(seed);
    repeat = std::string(argv[0]) + " -runs=1 -seed=" + std::to_string(seed) + corpus_arguments;
    Run(MakeInput(corpus));
  }
  std::cout << files.size() << " files and " << runs << " random inputs passed" << std::endl;
  return 0;
}
