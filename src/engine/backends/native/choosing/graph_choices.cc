#include "engine/backends/native/choosing/graph_choices.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "engine/backends/native/choosing/graph_costs.h"
#include "engine/backends/native/lowering/lower.h"
#include "ops/resize_rule.h"

namespace scissionlite::native {
namespace {

bool is_one_of(const Node& node, std::initializer_list<const char*> types) {
  return std::any_of(types.begin(), types.end(), [&](const char* type) { return node.op_type == type; });
}

/// Alternatives, and what they mean, in the same order.
class Builder {
 public:
  Builder(const Lowering& l, const tune::Choices* tuned) : l_(l), costs_(l, tuned) {
    problem_.nodes = static_cast<int>(l.graph().nodes.size());
    for (const auto& input : l.graph().inputs) problem_.given.push_back({id(input.name), Form::kPlain});
    for (size_t node = 0; node < l.graph().nodes.size(); ++node) offer(node);
    for (const auto& output : l.graph().outputs)
      if (!l.will_be_constant(output.name)) problem_.wanted.push_back({id(output.name), Form::kPlain});
  }
  [[nodiscard]] const SelectionProblem& problem() const { return problem_; }
  [[nodiscard]] const std::vector<Choice>& meanings() const { return meanings_; }

 private:
  int id(const std::string& value) {
    const auto [it, is_new] = ids_.emplace(value, static_cast<int>(problem_.values.size()));
    if (is_new) problem_.values.push_back(costs_.conversions(value));
    return it->second;
  }
  [[nodiscard]] const Node& node_at(size_t i) const { return l_.graph().nodes[i]; }

  void add(Choice choice, const std::vector<std::string>& reads, const std::vector<Form>& forms, const std::vector<std::string>& writes) {
    Alternative alternative{{choice.nodes.begin(), choice.nodes.end()}, {}, {}, choice.us};
    for (size_t i = 0; i < reads.size(); ++i)
      if (!reads[i].empty() && !l_.will_be_constant(reads[i])) alternative.reads.push_back({id(reads[i]), forms[i]});
    for (const auto& value : writes)
      if (!value.empty()) alternative.writes.push_back({id(value), choice.form});
    problem_.alternatives.push_back(std::move(alternative));
    meanings_.push_back(std::move(choice));
  }

  /// The node reads and writes everything in this form.
  void add_form(size_t node, Form form, double us) { add_reads(node, form, us, std::vector<Form>(node_at(node).inputs.size(), form)); }
  /// It reads its inputs in those forms.
  void add_reads(size_t node, Form form, double us, const std::vector<Form>& forms) {
    const auto& n = node_at(node);
    add({.nodes = {node}, .text = name_of(form), .conv = {}, .form = form, .us = us}, n.inputs, forms, n.outputs);
  }

  void offer(size_t node) {
    const auto& n = node_at(node);
    if (l_.will_be_constant(n)) return add({.nodes = {node}, .text = "constant", .conv = {}, .form = Form::kPlain, .us = 0}, {}, {}, {});
    if (const auto stage = coming_stage_of(l_, n)) return offer_convolution(node, *stage);
    if (is_one_of(n, {"Cast"})) return offer_cast(node);
    if (is_one_of(n, {"ReduceMin", "ReduceMax"})) return offer_extreme(node);
    if (is_image(n) && offer_image(node)) return;
    add_form(node, Form::kPlain, costs_.reference_us(n.outputs[0]));
  }
  [[nodiscard]] bool is_image(const Node& n) const {
    return std::any_of(n.inputs.begin(), n.inputs.end(),
                       [&](const std::string& value) {
                         return !value.empty() && l_.is_f32_image(value) && element_count(l_.info(value).shape) > 0 && !l_.will_be_constant(value);
                       }) &&
           l_.is_f32_image(n.outputs[0]);
  }

  /// Whether it is an operator on images whose forms are known here.
  bool offer_image(size_t node) {
    const auto& n = node_at(node);
    auto values = n.inputs;
    std::erase_if(values, [&](const std::string& value) { return value.empty() || l_.will_be_constant(value); });
    values.push_back(n.outputs[0]);
    const double pass_us = costs_.pass_us(values);
    if (is_one_of(n, {"MaxPool", "AveragePool"})) offer_pool(node, pass_us);
    else if (is_one_of(n, {"GlobalAveragePool", "GlobalMaxPool", "BatchNormalization", "ChannelScale"})) add_form(node, Form::kBlocked, pass_us);
    else if (is_elementwise(l_, n)) offer_elementwise(node, pass_us);
    else if (is_one_of(n, {"Identity", "Dropout"})) offer_both(node, 0, 0);
    else if (is_one_of(n, {"DepthToSpace", "SpaceToDepth"}) || is_nearest(n)) add_form(node, Form::kBlocked, pass_us);
    else if (is_one_of(n, {"Slice"})) offer_slice(node, pass_us);
    else if (is_one_of(n, {"Split"}) && splits_channels(n))
      add_form(node, Form::kView, 0), add_form(node, Form::kPlain, costs_.reference_us(n.inputs[0]));
    else if (is_one_of(n, {"ChannelShuffle"})) add_form(node, Form::kView, 0);
    else if (is_one_of(n, {"Concat"}) && takes_channels(l_, n)) offer_concatenation(node);
    else return false;
    return true;
  }
  void offer_pool(size_t node, double pass_us) {
    const auto& n = node_at(node);
    offer_blocked(node, pass_us, std::vector<Form>(n.inputs.size(), Form::kBlocked));
  }
  /// By our own loops, and by a generated kernel where one was measured to be faster.
  void offer_blocked(size_t node, double pass_us, const std::vector<Form>& forms) {
    const auto& n = node_at(node);
    const auto tuned = costs_.kernel(n);
    add_reads(node, Form::kBlocked, tuned ? tuned->usual_us : pass_us, forms);
    if (!tuned || !tuned->kernel) return;
    add({.nodes = {node},
         .text = kernel_text(*tuned->kernel),
         .conv = {},
         .kernel = tuned->kernel,
         .form = Form::kBlocked,
         .us = tuned->median_us,
         .is_measured = true},
        n.inputs, forms, n.outputs);
  }
  [[nodiscard]] bool is_nearest(const Node& n) const {
    return is_one_of(n, {"Resize", "Upsample"}) && ops::read_resize_mode({n, l_.opset(n)}).is_choice();
  }
  /// Channels are a view; rows and columns are copied, in either form.
  void offer_slice(size_t node, double pass_us) {
    const auto& n = node_at(node);
    const auto x = l_.info(n.inputs[0]).shape, y = l_.info(n.outputs[0]).shape;
    const bool takes_channels = x[1] != y[1], takes_others = x[0] != y[0] || x[2] != y[2] || x[3] != y[3];
    if (!takes_others) add_form(node, Form::kView, 0);
    else if (!takes_channels) add_form(node, Form::kBlocked, pass_us);
    add_form(node, Form::kPlain, pass_us);
  }
  void offer_both(size_t node, double blocked_us, double plain_us) {
    add_form(node, Form::kBlocked, blocked_us);
    add_form(node, Form::kPlain, plain_us);
  }
  [[nodiscard]] static bool splits_channels(const Node& n) {
    const int64_t axis = n.int_attribute("axis", 0);
    return axis == 1 || axis == -3;
  }
  /// A smaller operand is read plain.
  void offer_elementwise(size_t node, double pass_us) {
    const auto& n = node_at(node);
    std::vector<Form> forms;
    for (const auto layout : blocked_reads(l_, n)) forms.push_back(layout == Layout::kBlocked ? Form::kBlocked : Form::kPlain);
    if (!forms.empty()) offer_blocked(node, pass_us, forms);
    add_form(node, Form::kPlain, pass_us);
  }
  [[nodiscard]] bool is_filled_image(const std::string& value) const { return l_.is_f32_image(value) && element_count(l_.info(value).shape) > 0; }
  /// Floats lie in either form; halves and bytes are read and made plain.
  void offer_cast(size_t node) {
    const auto& n = node_at(node);
    const bool is_fast = has_fast_cast(l_, n);
    const double us = is_fast ? costs_.pass_us({n.inputs[0], n.outputs[0]}) : costs_.reference_us(n.outputs[0]);
    add_form(node, Form::kPlain, us);
    if (!is_fast) return;
    const auto plain_or_blocked_us = [&](const std::string& value) {
      return us + costs_.conversions(value).us[static_cast<size_t>(Form::kBlocked)][static_cast<size_t>(Form::kPlain)] / 2;
    };
    if (is_filled_image(n.inputs[0])) add_reads(node, Form::kPlain, plain_or_blocked_us(n.inputs[0]), {Form::kBlocked});
    if (is_filled_image(n.outputs[0])) add_reads(node, Form::kBlocked, plain_or_blocked_us(n.outputs[0]), {Form::kPlain});
  }
  /// Reads either form, and makes a few values.
  void offer_extreme(size_t node) {
    const auto& n = node_at(node);
    const double us = costs_.pass_us({n.inputs[0]});
    add_form(node, Form::kPlain, us);
    const bool is_of_images = is_filled_image(n.inputs[0]) && element_count(l_.info(n.outputs[0]).shape) == l_.info(n.inputs[0]).shape[0];
    std::vector<Form> forms(n.inputs.size(), Form::kPlain);
    forms[0] = Form::kBlocked;
    if (is_of_images) add_reads(node, Form::kPlain, us, forms);
  }

  /// Parts that lie in place cost nothing, others are copied; where none does, the whole may stay a view of its parts.
  void offer_concatenation(size_t node) {
    const auto& n = node_at(node);
    std::vector<std::string> copied;
    for (const auto& input : n.inputs)
      if (!l_.is_part_of(input, n.outputs[0])) copied.insert(copied.end(), {input, input});
    const bool can_lie_blocked = keeps_lanes(l_, n);
    if (can_lie_blocked) add_form(node, Form::kBlocked, costs_.pass_us(copied));
    if (!can_lie_blocked || copied.size() == 2 * n.inputs.size()) add_form(node, Form::kView, 0);
  }

  void offer_convolution(size_t node, const Stage& stage) {
    const auto& n = node_at(node);
    const std::string residual = stage.has_residual ? n.inputs[3] : "";
    double least = kImpossible;
    for (auto& way : costs_.convolutions(stage.with_end(), n.inputs[0])) {
      const bool is_plain = way.choice.implementation->takes_plain_input;
      if (way.choice.implementation->precision == kernels::Precision::kF32) least = std::min(least, way.us);  // which a chain computes in
      auto text = kernels::describe(way.choice.implementation->name, way.choice.knobs);
      add({.nodes = {node},
           .text = std::move(text),
           .conv = std::move(way.choice),
           .form = Form::kBlocked,
           .us = way.us,
           .is_measured = way.is_measured},
          {n.inputs[0], residual}, {is_plain ? Form::kPlain : Form::kBlocked, Form::kBlocked}, n.outputs);
    }
    alone_us_[node] = least;
    for (const auto& chain : find_chains(l_, node)) offer_chain(chain);
  }

  void offer_chain(const std::vector<size_t>& chain) {
    std::vector<Stage> stages;
    double separate_us = 0;
    for (const auto node : chain) {
      stages.push_back(*stage_of(l_, node_at(node)));
      separate_us += alone_us_.at(node);
    }
    auto way = costs_.chain(stages, separate_us);
    const auto& last = node_at(chain.back());
    auto text = way.kernel ? kernel_text(*way.kernel) : chain_text(chain.size(), way.rows);
    add({.nodes = chain,
         .text = std::move(text),
         .conv = {},
         .band_rows = way.rows,
         .kernel = std::move(way.kernel),
         .form = Form::kBlocked,
         .us = way.us,
         .is_measured = way.is_measured},
        {node_at(chain[0]).inputs[0], stages.back().has_residual ? last.inputs[3] : ""}, {Form::kBlocked, Form::kBlocked}, last.outputs);
  }

  const Lowering& l_;
  GraphCosts costs_;
  SelectionProblem problem_;
  std::vector<Choice> meanings_;
  std::map<std::string, int> ids_;
  std::map<size_t, double> alone_us_;  // of each convolution, in float32
};

/// What computes this choice's nodes when it may not, and what all of it costs more.
void explain(const Builder& builder, const Selection& best, int chosen, Choice& choice) {
  const auto& all = builder.problem().alternatives;
  const auto covers = [&](const Alternative& a) {
    return &a != &all[static_cast<size_t>(chosen)] && std::find(a.nodes.begin(), a.nodes.end(), static_cast<int>(choice.nodes[0])) != a.nodes.end();
  };
  if (std::none_of(all.begin(), all.end(), covers)) return;
  auto without = builder.problem();
  without.alternatives[static_cast<size_t>(chosen)].us = kImpossible;
  const auto other = select(without);
  if (!(other.us < kImpossible)) return;
  choice.instead_us = other.us - best.us;
  for (const int i : other.chosen) {
    const auto& meaning = builder.meanings()[static_cast<size_t>(i)];
    const bool meets = std::any_of(meaning.nodes.begin(), meaning.nodes.end(),
                                   [&](size_t node) { return std::find(choice.nodes.begin(), choice.nodes.end(), node) != choice.nodes.end(); });
    if (meets) choice.instead += (choice.instead.empty() ? "" : ", ") + meaning.text;
  }
}

/// In words, for people who read a compiled model or `explain`.
std::string reason_of(const Lowering& l, const tune::Choices* tuned, const Choice& choice) {
  std::string text;
  if (choice.is_chain()) {
    std::vector<Stage> stages;
    for (const auto node : choice.nodes) stages.push_back(*stage_of(l, l.graph().nodes[node]));
    text = (choice.kernel        ? "measured as one kernel against one by one; "
            : choice.is_measured ? "measured in bands against one by one; "
                                 : "estimated; ") +
           format_bytes(static_cast<double>(chain_problem(stages).inner_bytes())) + " between its convolutions stay in the cache";
  } else if (choice.kernel) {
    text = "measured: " + format_us(choice.us);
  } else if (choice.conv.implementation) {
    text = tune::reason_of(choice.conv, coming_stage_of(l, l.graph().nodes[choice.nodes[0]])->with_end(), l.loops(), tuned, l.precision());
  }
  if (!choice.instead.empty())
    text += (text.empty() ? "" : "; ") + std::string("else ") + choice.instead + ", " + format_us(choice.instead_us) + " more in all";
  return text;
}

}  // namespace

GraphSelection select_for(const Lowering& l, const tune::Choices* tuned, bool explains) {
  const Builder builder(l, tuned);
  const auto best = select(builder.problem());
  if (!(best.us < kImpossible)) throw InternalError("[native] no selection computes every node of '" + l.graph().name + "'");
  GraphSelection out;
  for (const int i : best.chosen) {
    out.choices.push_back(builder.meanings()[static_cast<size_t>(i)]);
    if (!explains) continue;
    explain(builder, best, i, out.choices.back());
    out.choices.back().reason = reason_of(l, tuned, out.choices.back());
  }
  return out;
}

}  // namespace scissionlite::native
