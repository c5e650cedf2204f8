#include "planner/constraints.h"

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "base/text.h"
#include "planner/quantity.h"

namespace scissionlite::planner {
namespace {

using Kind = Constraint::Kind;

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// The machine named by `words` from `begin` on; names may hold blanks.
size_t machine_index(const std::vector<std::string>& words, size_t begin, const std::vector<std::string>& machines, const std::string& text) {
  const std::string name = join({words.begin() + static_cast<std::ptrdiff_t>(begin), words.end()}, " ");
  const auto found = std::find(machines.begin(), machines.end(), name);
  if (found == machines.end()) throw InvalidArgument("[constraint] no machine '" + name + "' in '" + text + "'" + did_you_mean(name, machines));
  return static_cast<size_t>(found - machines.begin());
}

[[noreturn]] void refuse(const std::string& text, bool forbid) {
  throw InvalidArgument(std::string("[constraint] cannot read ") + (forbid ? "--forbid" : "--require") + " '" + text + "'; expected one of\n" +
                        constraint_grammar());
}

/// "layer X on M", "layers A..B on M", "machine M": what both options know. False when it is none of them.
bool parse_common(const std::vector<std::string>& words, const std::vector<std::string>& machines, Constraint& out) {
  if (words.size() >= 2 && words[0] == "machine") {
    out.kind = Kind::kMachine;
    out.machine = machine_index(words, 1, machines, out.text);
    return true;
  }
  const auto on = static_cast<size_t>(std::find(words.rbegin(), words.rend(), "on").base() - words.begin());  // the word after it
  if (on < 3 || on == words.size() || (words[0] != "layer" && words[0] != "layers")) return false;
  out.kind = Kind::kLayers;
  out.machine = machine_index(words, on, machines, out.text);
  const std::string name = join({words.begin() + 1, words.begin() + static_cast<std::ptrdiff_t>(on) - 1}, " ");
  const auto dots = name.find("..");
  const bool is_range = words[0] == "layers" && dots != std::string::npos;
  if (is_range && (dots == 0 || dots + 2 == name.size())) return false;
  out.first = is_range ? name.substr(0, dots) : name;
  out.last = is_range ? name.substr(dots + 2) : name;
  return true;
}

struct Comparison {
  std::vector<std::string> left;
  std::string sign, right;
};

/// Words before the sign, the sign, all after it. An empty sign when there is none.
Comparison split_comparison(const std::string& text) {
  const auto at = text.find_first_of("<>=");
  if (at == std::string::npos) return {};
  const size_t length = at + 1 < text.size() && text[at + 1] == '=' ? 2 : 1;
  auto right = text.substr(at + length);
  right.erase(0, right.find_first_not_of(' '));
  return {words_of(text.substr(0, at)), text.substr(at, length), right};
}

void set_time_limit(Constraint& out, const std::string& text, const std::string& what) {
  const auto limit = parse_time_limit(text, what);
  out.limit = limit.value;
  out.is_share_of_local = limit.is_share;
}

double parse_number(const std::string& text, const std::string& what) {
  const double value = parse_scaled(text, what);
  if (value < 0) throw InvalidArgument("[" + what + "] got '" + text + "', expected a number of at least 0");
  return value;
}

/// At most: latency, time on M, bytes, bytes from M, psnr, ssim.
bool parse_cap(const Comparison& c, const std::vector<std::string>& machines, Constraint& out) {
  const auto& left = c.left;
  const std::string what = "constraint '" + out.text + "'";
  if (left.size() == 1 && left[0] == "latency") {
    out.kind = Kind::kLatency;
    set_time_limit(out, c.right, what);
  } else if (left.size() >= 3 && left[0] == "time" && left[1] == "on") {
    out.kind = Kind::kMachineTime;
    out.machine = machine_index(left, 2, machines, out.text);
    set_time_limit(out, c.right, what);
  } else if (left.size() == 1 && left[0] == "bytes") {
    out.kind = Kind::kBytes;
    out.limit = parse_bytes(c.right, what);
  } else if (left.size() >= 3 && left[0] == "bytes" && left[1] == "from") {
    out.kind = Kind::kBytesFrom;
    out.machine = machine_index(left, 2, machines, out.text);
    out.limit = parse_bytes(c.right, what);
  } else if (left.size() == 1 && left[0] == "psnr") {
    out.kind = Kind::kPsnr;
    out.limit = parse_decibels(c.right, what);
  } else if (left.size() == 1 && left[0] == "ssim") {
    out.kind = Kind::kSsim;
    out.limit = parse_share(c.right, what);
  } else {
    return false;
  }
  return true;
}

/// At least: blocks on M, agreement, agreement lower, throughput.
bool parse_floor(const Comparison& c, const std::vector<std::string>& machines, Constraint& out) {
  const auto& left = c.left;
  const std::string what = "constraint '" + out.text + "'";
  if (left.size() >= 3 && left[0] == "blocks" && left[1] == "on") {
    out.kind = Kind::kBlocks;
    out.machine = machine_index(left, 2, machines, out.text);
    out.limit = parse_number(c.right, what);
  } else if (left.size() == 1 && left[0] == "agreement") {
    out.kind = Kind::kAgreement;
    out.limit = parse_share(c.right, what);
  } else if (left.size() == 2 && left[0] == "agreement" && left[1] == "lower") {
    out.kind = Kind::kAgreementLow;
    out.limit = parse_share(c.right, what);
  } else if (left.size() == 1 && left[0] == "throughput") {
    out.kind = Kind::kThroughput;
    out.limit = parse_number(c.right, what);
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::string constraint_grammar() {
  return "  --require: 'layer X on M', 'layers A..B on M', 'machine M', 'latency <= 50ms' (or '<= 80% of local'),\n"
         "             'time on M <= 30ms', 'throughput >= 10', 'bytes <= 20k', 'bytes from M <= 20k', 'blocks on M >= 3',\n"
         "             'agreement >= 0.97', 'agreement lower >= 0.95', 'psnr <= 20dB', 'ssim <= 0.5' (of rebuilt pictures)\n"
         "  --forbid:  'layer X on M', 'layers A..B on M', 'machine M', 'images leaving'";
}

Constraint parse_require(const std::string& text, const std::vector<std::string>& machines) {
  Constraint out;
  out.text = "require " + text;
  if (parse_common(words_of(text), machines, out)) return out;
  const auto comparison = split_comparison(text);
  if (comparison.sign == "<=" && parse_cap(comparison, machines, out)) return out;
  if (comparison.sign == ">=" && parse_floor(comparison, machines, out)) return out;
  refuse(text, /*forbid=*/false);
}

Constraint parse_forbid(const std::string& text, const std::vector<std::string>& machines) {
  Constraint out;
  out.text = "forbid " + text;
  out.is_forbidden = true;
  const auto words = words_of(text);
  if (words == std::vector<std::string>{"images", "leaving"}) {
    out.kind = Kind::kImages;
    return out;
  }
  if (!parse_common(words, machines, out)) refuse(text, /*forbid=*/true);
  return out;
}

}  // namespace scissionlite::planner
