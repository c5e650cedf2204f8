#include "score/scores.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/test_messages.h"

namespace scissionlite {
namespace {

TEST(Candidate, KeysAndFamilies) {
  const std::vector<std::pair<std::string, std::string>> cases{{"local", "local"},
                                                               {"edge/file", "edge file"},
                                                               {"edge/jpeg-q90-420", "edge jpeg"},
                                                               {"edge/webp-q80", "edge webp"},
                                                               {"split/12/fp32", "plain fp32"},
                                                               {"split/12+9/uint8", "plain uint8"},
                                                               {"split/7/uint3", "plain uint3"},
                                                               {"split/7/codes2", "packed codes"},
                                                               {"split/7/pool", "pool TL"},
                                                               {"split/7/klt-s2-c64-b4", "learned TL"}};
  for (const auto& [key, family] : cases) {
    EXPECT_EQ(candidate_from_key(key).key(), key);
    EXPECT_EQ(candidate_from_key(key).family(), family);
  }
}

TEST(Candidate, RefusesWhatIsNotAKey) {
  for (const auto* key : {"", "locale", "edge", "edge/", "split/3", "split//uint8", "split/3/uint8/x", "local|local"})
    EXPECT_NE(message_of([&] { (void)candidate_from_key(key); }).find("'edge/<codec>' or 'split/<cut id>/<transfer layer>'"), std::string::npos)
        << key;
}

TEST(Candidate, ExactOnesLoseNothing) {
  for (const auto* key : {"local", "edge/file", "edge/raw", "edge/png", "split/3/fp32"}) EXPECT_TRUE(is_exact(candidate_from_key(key))) << key;
  for (const auto* key : {"edge/jpeg-q90-420", "edge/webp-q80", "split/3/fp16", "split/3/uint8"})
    EXPECT_FALSE(is_exact(candidate_from_key(key))) << key;
}

Scores any_scores() {
  Scores scores;
  scores.model_sha256 = *rc::gen::arbitrary<bool>() ? std::string(64, 'a') : "";
  scores.metric = *rc::gen::element<std::string>("top1", "cosine", "command: ./iou.py");
  scores.images = *rc::gen::inRange<int64_t>(0, 1000);
  scores.images_fitted = *rc::gen::inRange<int64_t>(0, 1000);
  scores.label_accuracy = *rc::gen::element(-1.0, 0.0, 0.731);
  const int count = *rc::gen::inRange(0, 20);
  for (int i = 0; i < count; ++i) {
    Score score;
    score.candidate = "split/" + std::to_string(i) + "/uint8";
    score.n = *rc::gen::inRange<int64_t>(1, 500);
    const auto hits = *rc::gen::inRange<int64_t>(0, score.n + 1);
    score.agreement = static_cast<double>(hits) / static_cast<double>(score.n);
    score.interval = wilson_interval(hits, score.n);
    score.bytes_mean = *rc::gen::inRange(0, 1 << 20) / 3.0;
    score.bytes_p95 = score.bytes_mean * 1.25;
    score.label_accuracy = *rc::gen::element(-1.0, 0.5);
    score.label_auc = *rc::gen::element(-1.0, 0.0, 0.987);
    score.note = *rc::gen::element<std::string>("", "fitted on 132 images, \"quoted\" µ");
    scores.scores.push_back(score);
  }
  return scores;
}

TEST(Scores, JsonRoundTrip) {
  EXPECT_TRUE(rc::check("scores_from_json(to_json(s)) equals s", [] {
    const auto json = to_json(any_scores());
    const auto again = parse_json(json.dump(2), "test");
    RC_ASSERT(to_json(scores_from_json(again, "test")).dump() == json.dump());
  }));
}

TEST(Scores, FindsByKey) {
  Scores scores;
  scores.scores.push_back({.candidate = "edge/png", .agreement = 1, .interval = {}, .n = 4, .note = ""});
  ASSERT_NE(scores.find("edge/png"), nullptr);
  EXPECT_EQ(scores.find("edge/png")->n, 4);
  EXPECT_EQ(scores.find("edge/file"), nullptr);
}

TEST(Scores, ErrorsNameTheField) {
  const auto read = [](const std::string& scores) {
    return message_of([&] {
      (void)scores_from_json(parse_json(R"({"schema": "scissionlite.scores/1", "model_sha256": "a", "scores": )" + scores + "}", "s.json"), "s.json");
    });
  };
  EXPECT_NE(read(R"([{"candidate": "edge/png", "agreement": 1.5}])").find("s.json.scores[0].agreement: got 1.5, expected a share in [0, 1]"),
            std::string::npos);
  EXPECT_NE(read(R"([{"candidate": "edge", "agreement": 1}])").find("while reading s.json.scores[0].candidate: [candidate] got 'edge'"),
            std::string::npos);
  EXPECT_NE(read(R"([{"candidate": "edge/png", "agreement": 1, "nn": 3}])").find("unknown key 'nn'; did you mean 'n'?"), std::string::npos);
  EXPECT_NE(read(R"([{"candidate": "local", "agreement": 1}, {"candidate": "local", "agreement": 1}])").find("each candidate once"),
            std::string::npos);
  EXPECT_NE(read("7").find("s.json.scores: got 7, expected an array"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite
