#include "publish/history.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"

namespace compose::publish {
namespace {

const Place kFrankfurt{"111122223333", "eu-central-1"};
const Place kVirginia{"111122223333", "us-east-1"};
const Place kOtherAccount{"444455556666", "eu-central-1"};

// A history that is written as a list of what happened.
struct Story {
  History history;

  Story& image(const std::string& digest, const std::string& version) {
    return apply("image", {},
                 {{"image", digest},
                  {"name", "demo"},
                  {"version", version},
                  {"arch", "x86_64"},
                  {"commit", ""},
                  {"size", "1073741824"},
                  {"blocks", ""}});
  }
  Story& at(const Place& place, const std::string& image, const std::string& event,
            std::map<std::string, std::string> fields) {
    fields.insert({{"image", image}});
    return apply(event, place, std::move(fields));
  }
  Story& upload(const Place& place, const std::string& image, const std::string& snapshot, const std::string& attempt) {
    at(place, image, "intended", {{"parent", ""}, {"attempt", attempt}});
    return at(place, image, "started", {{"snapshot", snapshot}, {"parent", ""}, {"attempt", attempt}});
  }
  Story& release(const Place& place, const std::string& image, const std::string& snapshot, const std::string& ami) {
    upload(place, image, snapshot, "1").at(place, image, "completed", {{"snapshot", snapshot}});
    at(place, image, "registered", {{"snapshot", snapshot}, {"ami", ami}, {"ami-name", ami}, {"deprecate-at", ""}});
    return at(place, image, "released", {{"ami", ami}});
  }
  Story& apply(const std::string& event, const Place& place, std::map<std::string, std::string> fields) {
    fields.insert({{"account", place.account}, {"region", place.region}});
    history.apply({event, std::move(fields)}, "2026-05-06T07:08:09Z", "ledger:1");
    return *this;
  }
};

TEST_CASE("completed snapshots that no image was registered of are known, until they are abandoned") {
  Story story;
  story.image("one", "1").image("two", "2").image("three", "3");
  story.release(kFrankfurt, "one", "snap-f1", "ami-f1");
  story.upload(kFrankfurt, "two", "snap-f2", "1").at(kFrankfurt, "two", "completed", {{"snapshot", "snap-f2"}});
  REQUIRE(story.history.unregistered(kFrankfurt, "three").size() == 1);
  CHECK(story.history.unregistered(kFrankfurt, "three").front().id == "snap-f2");
  CHECK(story.history.unregistered(kFrankfurt, "two").empty());
  CHECK(story.history.unregistered(kVirginia, "three").empty());
  story.at(kFrankfurt, "two", "abandoned", {{"snapshot", "snap-f2"}, {"attempt", "1"}, {"reason", "unused"}});
  CHECK(story.history.unregistered(kFrankfurt, "three").empty());
}

TEST_CASE("the next snapshot builds on the last completed one of its own account and region") {
  Story story;
  story.image("one", "1").image("two", "2").image("three", "3");
  story.release(kFrankfurt, "one", "snap-f1", "ami-f1").release(kVirginia, "one", "snap-v1", "ami-v1");
  story.release(kFrankfurt, "two", "snap-f2", "ami-f2").upload(kVirginia, "two", "snap-v2", "1");
  CHECK(story.history.parent_for(kFrankfurt, "three")->id == "snap-f2");
  CHECK(story.history.parent_for(kVirginia, "three")->id == "snap-v1");
  CHECK(story.history.parent_for(kFrankfurt, "two")->id == "snap-f1");
  CHECK(story.history.parent_for(kOtherAccount, "three") == nullptr);
  CHECK(story.history.unfinished(kVirginia, "three").size() == 1);
  CHECK(story.history.unfinished(kVirginia, "two").empty());
}

TEST_CASE("what was retired or abandoned is built on no more, and its blocks are known still") {
  Story story;
  story.image("one", "1").image("two", "2").image("three", "3");
  story.release(kFrankfurt, "one", "snap-1", "ami-1").release(kFrankfurt, "two", "snap-2", "ami-2");
  story.at(kFrankfurt, "two", "retired", {{"ami", "ami-2"}, {"snapshot", "snap-2"}});
  CHECK(story.history.parent_for(kFrankfurt, "three")->id == "snap-1");
  CHECK(story.history.publication_of(kFrankfurt, "two") == nullptr);
  CHECK(story.history.snapshot_of(kFrankfurt, "two") == nullptr);
  CHECK(story.history.attempts(kFrankfurt, "two") == 1);
  CHECK(story.history.blocks_of("snap-2") != nullptr);
  CHECK(story.history.blocks_of("") == nullptr);
  story.upload(kFrankfurt, "two", "snap-3", "2");
  CHECK(story.history.snapshot_of(kFrankfurt, "two")->id == "snap-3");
  story.at(kFrankfurt, "two", "abandoned", {{"snapshot", "snap-3"}, {"attempt", "2"}, {"reason", "gone"}});
  CHECK(story.history.snapshot_of(kFrankfurt, "two") == nullptr);
}

TEST_CASE("a start whose answer was lost is known by its attempt") {
  Story story;
  story.image("one", "1").at(kFrankfurt, "one", "intended", {{"parent", ""}, {"attempt", "1"}});
  CHECK(story.history.snapshot_of(kFrankfurt, "one")->id.empty());
  story.at(kFrankfurt, "one", "abandoned", {{"snapshot", ""}, {"attempt", "1"}, {"reason", "another image"}});
  story.upload(kFrankfurt, "one", "snap-2", "2");
  CHECK(story.history.snapshot_of(kFrankfurt, "one")->id == "snap-2");
  CHECK(story.history.attempts(kFrankfurt, "one") == 2);
}

TEST_CASE("of two images the one registered last is later, in its own place") {
  Story story;
  story.image("one", "1").image("two", "2");
  story.release(kFrankfurt, "one", "snap-1", "ami-1").release(kFrankfurt, "two", "snap-2", "ami-2");
  CHECK(story.history.is_later(kFrankfurt, "ami-2", "ami-1"));
  CHECK_FALSE(story.history.is_later(kFrankfurt, "ami-1", "ami-2"));
  CHECK_FALSE(story.history.is_later(kFrankfurt, "ami-1", "ami-1"));
  CHECK_FALSE(story.history.is_later(kFrankfurt, "ami-foreign", "ami-1"));
  CHECK_FALSE(story.history.is_later(kVirginia, "ami-2", "ami-1"));
}

TEST_CASE("a version's image is the last one of that version") {
  Story story;
  story.image("one", "1").image("again", "1").image("two", "2");
  CHECK(story.history.image_of_version("1") == "again");
  CHECK(story.history.image_of_version("3") == std::nullopt);
}

TEST_CASE("records that make no sense are refused with their place") {
  Story story;
  CHECK_THROWS_WITH(story.at(kFrankfurt, "one", "completed", {{"snapshot", "snap-9"}}),
                    Catch::Contains("ledger:1: it speaks of a snapshot that no earlier line has"));
  CHECK_THROWS_WITH(story.at(kFrankfurt, "one", "released", {{"ami", "ami-9"}}), Catch::Contains("an image"));
  CHECK_THROWS_WITH(story.at(kFrankfurt, "one", "intended", {{"parent", ""}, {"attempt", "one"}}),
                    Catch::Contains("'attempt' is not a number"));
  CHECK_THROWS_WITH(story.history.apply_block("snap-9", 1, "ledger:2"), Catch::Contains("ledger:2"));
}

}  // namespace
}  // namespace compose::publish
