#include "compress/low_bit.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::compress {
namespace {

struct Named {
  Encoding encoding;
  const char* name;
};
constexpr Named kNames[] = {{Encoding::kTwos, "twos"}, {Encoding::kUnsigned, "unsigned"}, {Encoding::kBipolar, "bipolar"}};
constexpr int kMostBipolarBits = 7;

void check_bits(int bits, const char* of) {
  if (bits < 1 || bits > kMostBits)
    throw InvalidArgument("[low bits] " + std::string(of) + " of " + std::to_string(bits) + " bits; expected 1 to " + std::to_string(kMostBits));
}

}  // namespace

const char* encoding_name(Encoding encoding) {
  return std::find_if(std::begin(kNames), std::end(kNames), [&](const Named& one) { return one.encoding == encoding; })->name;
}

Encoding encoding_named(const std::string& name) {
  std::vector<std::string> known;
  for (const auto& one : kNames) {
    if (name == one.name) return one.encoding;
    known.emplace_back(one.name);
  }
  throw InvalidArgument("[low bits] unknown encoding '" + name + "'; available: " + join(known, ", ") + did_you_mean(name, known));
}

Encoding usual_encoding(int bits, bool has_negative) { return bits > 1 ? Encoding::kTwos : has_negative ? Encoding::kBipolar : Encoding::kUnsigned; }

float CodeRange::code(float v) const {
  if (is_odd) return 2 * std::clamp(std::floor(v / 2), static_cast<float>((low - 1) / 2), static_cast<float>((high - 1) / 2)) + 1;
  return std::clamp(std::nearbyint(v), static_cast<float>(low), static_cast<float>(high));
}

CodeRange weight_range(int bits, Encoding encoding) {
  check_bits(bits, "weights");
  if (encoding == Encoding::kTwos) return {-(1 << (bits - 1)), (1 << (bits - 1)) - 1, false};
  if (encoding == Encoding::kUnsigned) return {0, (1 << bits) - 1, false};
  if (bits > kMostBipolarBits)
    throw InvalidArgument("[low bits] bipolar weights of " + std::to_string(bits) + " bits are up to " + std::to_string((1 << bits) - 1) +
                          ", which int8 does not hold; expected at most " + std::to_string(kMostBipolarBits) + " bits, or the encoding twos");
  return {-((1 << bits) - 1), (1 << bits) - 1, true};
}

CodeRange activation_range(int bits) {
  check_bits(bits, "activations");
  return {0, (1 << bits) - 1, false};
}

Json to_json(const LowBitPlan& plan) {
  Json out{{"version", 1}, {"residual_bits", plan.residual_bits}, {"layers", Json::array()}};
  for (const auto& layer : plan.layers)
    out["layers"].push_back({{"name", layer.name},
                             {"weight_bits", layer.weight_bits},
                             {"encoding", encoding_name(layer.encoding)},
                             {"activation_bits", layer.activation_bits}});
  return out;
}

LowBitPlan low_bit_plan_from_json(const JsonReader& json) {
  if (const auto version = json.at("version").integer(); version != 1)
    throw InvalidArgument("[low bits] the plan is of version " + std::to_string(version) + ", expected 1");
  const auto bits_of = [](const JsonReader& value, const char* what) {
    const int64_t bits = value.integer();
    check_bits(static_cast<int>(std::clamp<int64_t>(bits, -1, 1000)), what);
    return static_cast<int>(bits);
  };
  LowBitPlan plan;
  if (json.has("residual_bits")) plan.residual_bits = bits_of(json.at("residual_bits"), "residuals");
  for (const auto& entry : json.at("layers").elements()) {
    LayerBits layer{entry.at("name").text(), bits_of(entry.at("weight_bits"), "weights"), Encoding::kTwos,
                    bits_of(entry.at("activation_bits"), "activations")};
    layer.encoding = entry.has("encoding") ? encoding_named(entry.at("encoding").text()) : usual_encoding(layer.weight_bits);
    (void)weight_range(layer.weight_bits, layer.encoding);
    plan.layers.push_back(std::move(layer));
  }
  return plan;
}

}  // namespace scissionlite::compress
