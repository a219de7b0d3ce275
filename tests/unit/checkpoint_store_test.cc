// The file of the checkpoints: what is finished is there, whole, and what is not is nowhere.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <map>

#include "core/checkpoint/store.h"
#include "tests/contract/temp_dir.h"

namespace tonus::core {
namespace {

class Store : public testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  void Reopen() {
    store_.reset();
    auto store = CheckpointStore::Open(dir_.Path("core"), &aside_);
    ASSERT_TRUE(store) << store.error().Message();
    store_ = std::move(*store);
  }

  void Stage(std::uint64_t cut, const std::map<std::string, std::string>& blobs) {
    std::vector<PatientBlob> list;
    for (const auto& [patient, bytes] : blobs) list.push_back({patient, bytes});
    const auto good = store_->Stage(cut, cut * 10, list);
    ASSERT_TRUE(good) << good.error().Message();
  }

  std::map<std::string, std::string> Read() {
    std::map<std::string, std::string> out;
    unreadable_.clear();
    const auto manifest = store_->ReadManifest();
    if (!manifest || !*manifest) return out;
    const auto good = store_->ReadBlobs(
        **manifest,
        [&](std::span<const PatientBlob> blobs) {
          for (const PatientBlob& blob : blobs) out[blob.patient] = blob.bytes;
        },
        &unreadable_);
    words_ = good ? "" : good.error().Message();
    return out;
  }

  /// Changes the file behind the store's back, while it is closed.
  void Damage(const std::string& sql) {
    store_.reset();
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(dir_.Path("core/checkpoint.db").c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
    Reopen();
  }

  TempDir dir_;
  std::string aside_, words_;
  std::unique_ptr<CheckpointStore> store_;
  std::vector<UnreadablePatient> unreadable_;
};

using Blobs = std::map<std::string, std::string>;

TEST_F(Store, HasNothingUntilACutIsFinished) {
  EXPECT_FALSE(store_->ReadManifest()->has_value());
  Stage(1, {{"p1", "one"}});
  EXPECT_FALSE(store_->ReadManifest()->has_value());
  Reopen();
  EXPECT_FALSE(store_->ReadManifest()->has_value());
  EXPECT_EQ(store_->FirstCut(), 1U);
  Stage(1, {{"p1", "again"}});
  ASSERT_TRUE(store_->Finish(1, "meta"));
  Reopen();
  EXPECT_EQ(store_->ReadManifest()->value().meta, "meta");
  EXPECT_EQ(Read(), (Blobs{{"p1", "again"}}));
}

TEST_F(Store, WhatIsStagedAndNotFinishedLeavesTheOneBefore) {
  Stage(1, {{"p1", "old"}, {"p2", "old"}});
  ASSERT_TRUE(store_->Finish(1, "first"));
  Stage(2, {{"p1", "new"}, {"p3", "new"}});
  Reopen();
  EXPECT_EQ(Read(), (Blobs{{"p1", "old"}, {"p2", "old"}}));
  EXPECT_EQ(store_->ReadManifest()->value().meta, "first");
}

TEST_F(Store, AFinishedCutGoesOnFromTheOneBefore) {
  Stage(1, {{"p1", "old"}, {"p2", "old"}});
  ASSERT_TRUE(store_->Finish(1, "first"));
  Stage(2, {{"p1", "new"}, {"p3", "new"}});
  ASSERT_TRUE(store_->Finish(2, "second"));
  while (*store_->Tidy()) {
  }
  Reopen();
  EXPECT_EQ(Read(), (Blobs{{"p1", "new"}, {"p2", "old"}, {"p3", "new"}}));
}

TEST_F(Store, BuildsOnNothingUnlessToldTo) {
  Stage(1, {{"p1", "old"}, {"p2", "old"}, {"p4", "old"}});
  ASSERT_TRUE(store_->Finish(1, "first"));
  Reopen();
  store_->GoOn(store_->ReadManifest()->value(), {"p4"});
  Stage(2, {{"p3", "new"}});
  ASSERT_TRUE(store_->Finish(2, "second"));
  EXPECT_EQ(Read(), (Blobs{{"p1", "old"}, {"p2", "old"}, {"p3", "new"}}));
  EXPECT_EQ(words_, "");
  Reopen();
  Stage(3, {{"p3", "anew"}});
  ASSERT_TRUE(store_->Finish(3, "third"));
  EXPECT_EQ(Read(), (Blobs{{"p3", "anew"}}));
  while (*store_->Tidy()) {
  }
  Reopen();
  EXPECT_EQ(Read(), (Blobs{{"p3", "anew"}}));
  EXPECT_EQ(words_, "");
}

TEST_F(Store, ABlobThatChangedIsNamedAndTheOthersAreThere) {
  Stage(1, {{"p1", "one"}, {"p2", "two"}, {"p3", "three"}, {"p4", "four"}});
  ASSERT_TRUE(store_->Finish(1, "meta"));
  Damage(
      "UPDATE blobs SET bytes = X'00' WHERE patient = CAST('p1' AS BLOB);"
      "UPDATE blobs SET version = 99 WHERE patient = CAST('p2' AS BLOB);"
      "UPDATE blobs SET bytes = (SELECT bytes FROM blobs WHERE patient = CAST('p4' AS BLOB)),"
      "  digest = (SELECT digest FROM blobs WHERE patient = CAST('p4' AS BLOB))"
      "  WHERE patient = CAST('p3' AS BLOB);");
  EXPECT_EQ(Read(), (Blobs{{"p4", "four"}}));
  ASSERT_EQ(unreadable_.size(), 3U);
  EXPECT_THAT(unreadable_[0].words, testing::HasSubstr("checksum"));
  EXPECT_THAT(unreadable_[1].words, testing::HasSubstr("version 99"));
  EXPECT_THAT(unreadable_[2].words, testing::HasSubstr("checksum"));
}

TEST_F(Store, APatientWhoIsGoneIsNotTakenForOneWhoNeverWas) {
  Stage(1, {{"p1", "one"}, {"p2", "two"}});
  ASSERT_TRUE(store_->Finish(1, "meta"));
  Damage("DELETE FROM blobs WHERE patient = CAST('p1' AS BLOB)");
  Read();
  EXPECT_THAT(words_, testing::HasSubstr("1 patients and should have 2"));
}

TEST_F(Store, AManifestThatChangedIsRefused) {
  Stage(1, {{"p1", "one"}});
  ASSERT_TRUE(store_->Finish(1, "meta"));
  Damage("UPDATE manifest SET meta = X'00'");
  EXPECT_EQ(store_->ReadManifest().error().code, ErrorCode::kCorrupt);
}

TEST_F(Store, AFileThatIsNoneIsPutAside) {
  store_.reset();
  std::ofstream(dir_.Path("core/checkpoint.db")) << std::string(8192, 'x');
  Reopen();
  EXPECT_THAT(aside_, testing::HasSubstr("unreadable"));
  EXPECT_FALSE(store_->ReadManifest()->has_value());
}

}  // namespace
}  // namespace tonus::core
