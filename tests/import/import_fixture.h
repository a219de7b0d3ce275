#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "broker/log/log.h"
#include "scenario/import/import_command.h"
#include "tonus/v1/event.pb.h"

namespace tonus::importing {

/// A folder of its own for each test, and what it takes to import into it and look at the result.
class ImportFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "import_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  std::string Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
    std::ofstream(Path(name), std::ios::binary) << text;
    return Path(name);
  }

  /// Options with `out` and `rejects` in this test's folder.
  ImportOptions Options(const std::string& set, std::vector<std::string> paths) const {
    ImportOptions options;
    options.set = set;
    options.paths = std::move(paths);
    options.out = Path("log");
    options.rejects = Path("rejects");
    options.json = true;
    return options;
  }

  std::string ReadText(const std::string& name) const {
    std::ifstream file(Path(name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  std::vector<Record> ReadLog(const std::string& name = "log") const {
    std::vector<Record> records;
    auto reader = Log::OpenReadOnly(Path(name));
    EXPECT_TRUE(reader) << (reader ? "" : reader.error().Message());
    if (!reader) return records;
    ReadRequest request;
    while (true) {
      auto slice = (*reader)->Read(request);
      EXPECT_TRUE(slice) << (slice ? "" : slice.error().Message());
      if (!slice) return records;
      for (Record& record : slice->records) records.push_back(std::move(record));
      if (slice->at_end) return records;
      request.from = slice->next_offset;
    }
  }

  static v1::Event EventOf(const Record& record) {
    v1::Event event;
    EXPECT_TRUE(event.ParseFromString(record.payload));
    return event;
  }

  /// The recordings that are not part of the project; empty where they are absent.
  static std::string SharedData(const std::string& set) {
    const char* shared = std::getenv("TONUS_SHARED");
    const std::string folder =
        (shared != nullptr ? std::string(shared) : std::string(TONUS_SOURCE_DIR "/../shared")) +
        "/data/" + set;
    return std::filesystem::is_directory(folder) ? folder : std::string();
  }

 private:
  std::string folder_;
};

}  // namespace tonus::importing
