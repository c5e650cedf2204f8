#include "tune/choices.h"

#include <gtest/gtest.h>

#include "kernels/vector/loops.h"
#include "tune/conv_space.h"

namespace scissionlite::tune {
namespace {

const kernels::ConvProblem kProblem{.c = 16, .h = 12, .w = 12, .k = 16};

/// What is chosen with an entry of that key.
std::string chosen(const TuningKey& key, const std::string& implementation, const kernels::Knobs& knobs) {
  Database database;
  database.add(key, {implementation, knobs, 1, 2, 3, "genetic"});
  const Choices choices(database, "tuning.json", kernels::best_loops(), 1);
  const auto choice = choose_conv(kProblem, kernels::best_loops(), &choices);
  return kernels::describe(choice.implementation->name, choice.knobs);
}

TEST(Choices, AreTakenWhereTheyFitAndTheUsualOneElsewhere) {
  const auto& loops = kernels::best_loops();
  const auto usual = kernels::usual_conv(kProblem, loops);
  const auto usual_text = kernels::describe(usual.implementation->name, usual.knobs);
  auto knobs = kernels::conv_implementation("direct").usual(kProblem, loops);
  knobs["vectors"] = 1;
  const auto here = key_of(kProblem, loops, 1);
  EXPECT_EQ(chosen(here, "direct", knobs), kernels::describe("direct", knobs));
  auto other = here;
  other.cpu = "another CPU";
  EXPECT_EQ(chosen(other, "direct", knobs), usual_text);
  other = here, other.isa = "sse9";
  EXPECT_EQ(chosen(other, "direct", knobs), usual_text);
  other = here, other.threads = 2;
  EXPECT_EQ(chosen(other, "direct", knobs), usual_text);
  auto wrong = knobs;
  wrong["vectors"] = 99;
  EXPECT_EQ(chosen(here, "direkt", knobs), usual_text);
  EXPECT_EQ(chosen(here, "direct", wrong), usual_text);
  EXPECT_EQ(chosen(here, "direct", {{"vectors", 1}}), usual_text);
  EXPECT_EQ(chosen(here, "winograd", {{"m", 4}, {"vectors", 1}, {"tiles", 6}}), usual_text);  // cannot compute it
}

TEST(Choices, OfSparseWeightsAreNotThoseOfTheirDenseTwin) {
  const auto& loops = kernels::best_loops();
  auto sparse = kProblem;
  sparse.is_two_four = true;
  Database database;
  const auto add = [&](const kernels::ConvProblem& p, const char* implementation) {
    database.add(key_of(p, loops, 1), {implementation, kernels::conv_implementation(implementation).usual(p, loops), 1, 2, 3, "genetic"});
  };
  const auto finds = [&](const kernels::ConvProblem& p) { return Choices(database, "tuning.json", loops, 1).find(p).has_value(); };
  add(kProblem, "direct");
  EXPECT_TRUE(finds(kProblem));
  EXPECT_FALSE(finds(sparse));  // what is fastest of dense weights says nothing of the half of them
  add(sparse, "sparse24");
  const Choices choices(database, "tuning.json", loops, 1);
  EXPECT_STREQ(choose_conv(sparse, loops, &choices).implementation->name, "sparse24");
  EXPECT_STREQ(choose_conv(kProblem, loops, &choices).implementation->name, "direct");
}

}  // namespace
}  // namespace scissionlite::tune
