// `tonus plugin new NAME`: a folder that builds and tests a detector outside tonus' own tree.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "cli/config.h"
#include "cli/plugin.h"
#include "cli/plugin_template.h"

namespace tonus::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostLetters = 40;

struct Options {
  std::string name;
  std::string folder;  ///< Empty: ./NAME.
};

void ReplaceAll(std::string* text, const std::string& word, const std::string& by) {
  for (std::size_t at = 0; (at = text->find(word, at)) != std::string::npos; at += by.size()) {
    text->replace(at, word.size(), by);
  }
}

/// heart_rate → HeartRate.
std::string CapWords(const std::string& name) {
  std::string out;
  bool begins = true;
  for (const char c : name) {
    if (c != '_') out += begins && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    begins = c == '_';
  }
  return out;
}

Result<void> CheckName(const std::string& name) {
  const auto bad = [](char c) {
    return !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_';
  };
  const bool good = !name.empty() && name.size() <= kMostLetters && name[0] >= 'a' &&
                    name[0] <= 'z' && name.back() != '_' && name.find("__") == std::string::npos &&
                    std::none_of(name.begin(), name.end(), bad);
  if (good) return {};
  return Fail(
      ErrorCode::kUsage, "'" + name + "' is no name of a detector", "NAME",
      "write it in lower_snake: letters, digits and single underscores, such as heart_rate_rise");
}

Result<void> WriteFile(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (file) return {};
  return Fail(ErrorCode::kIo, std::string("cannot be written: ") + std::strerror(errno),
              path.string());
}

int New(const Globals& globals, const Options& options) {
  if (const auto good = CheckName(options.name); !good) return Report(good.error());
  const auto config = FindConfig(globals.config);
  if (!config) return Report(config.error());
  const fs::path folder =
      options.folder.empty() ? fs::path(options.name) : fs::path(options.folder);
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    return Report({ErrorCode::kUsage, "is there already and is not empty", folder.string(),
                   "nothing was changed; name another folder with --dir"});
  }
  fs::create_directories(folder, error);
  if (error) return Report({ErrorCode::kUnreachable, error.message(), folder.string(), {}});
  std::string kebab = options.name;
  std::replace(kebab.begin(), kebab.end(), '_', '-');
  const std::string shared = fs::absolute(*config).parent_path().lexically_normal().string();
  for (const TemplateFile& file : kTemplate) {
    std::string text = file.text;
    ReplaceAll(&text, "__NAME__", options.name);
    ReplaceAll(&text, "__CLASS__", CapWords(options.name));
    ReplaceAll(&text, "__KEBAB__", kebab);
    ReplaceAll(&text, "__CONFIG__", shared);
    if (const auto good = WriteFile(folder / file.name, text); !good) return Report(good.error());
  }
  const std::string shown = folder.string();
  std::printf(
      "%s holds a detector that works. Build and test it:\n"
      "  cd %s\n"
      "  cmake -B build && cmake --build build && ctest --test-dir build --output-on-failure\n",
      shown.c_str(), shown.c_str());
  return 0;
}

}  // namespace

void AddPluginNew(CLI::App& plugin, Program& program) {
  CLI::App* add = plugin.add_subcommand(
      "new", "writes a folder with a detector of your own that builds and tests by itself");
  auto options = std::make_shared<Options>();
  add->add_option("NAME", options->name, "of the detector, lower_snake")->required();
  add->add_option("--dir", options->folder, "folder to write; default: NAME")->type_name("DIR");
  add->callback([&program, options] {
    program.run = [&program, options] { return New(program.globals, *options); };
  });
}

}  // namespace tonus::cli
