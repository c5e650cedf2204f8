// Training on two classes of which one is rare, by one or more members with images of their own. The job behind `scissionlite-train train
// --objective`. Free of libtorch. The method is coda.h's. Members are threads of this process, or, where it was started by mpirun, its processes.
#pragma once

#include <string>
#include <vector>

#include "collective/collective.h"
#include "collective/hub_member.h"
#include "score/roc.h"
#include "train/train.h"

namespace scissionlite::train {

struct RareJob {
  TrainJob train;                          // its optimiser has no momentum by default; epochs are what stages take together where stage_steps is 0
  std::string objective = "auc";           // objectives.inc
  std::vector<std::string> positive{"1"};  // classes of the labels that are positive, by number or name (class_names.h)
  double positives_in_batch = 0.5;         // share; 0: as they come
  double keep_positives = 0;               // share of the positives among the images learned from, for experiments; 0: all
  double margin = 1, entropy = 0;          // of auc
  double focus = 2;                        // of focal
  int workers = 1;                         // members in this process; under MPI it is one
  double skew = 0;                         // of how positives are divided among members
  bool own_images = false;                 // images are this member's alone, not to be divided; held-out ones too, unless all members have the same
  int64_t window = 16, stages = 3, stage_steps = 0;
  double growth = 3, proximity = 0;
  bool averages_iterates = true;
  int64_t measure_steps = 0;  // held-out AUC is measured at least each so many steps; 0: behind each stage
  double wait_s = 600;        // that members wait for each other; at a hub it is the hub's
  HubMemberOptions hub;       // its address empty: members are here, or MPI's
  bool has_control_variates = false;
  double round_momentum = 0;
  Packing packing = Packing::kNone;
  ThresholdWish threshold;
  fs::path report;  // JSON; empty: none
};

struct RareMeasure {
  int64_t stage = 0, step = 0, rounds = 0;
  double rate = 0, loss = 0, seconds = 0;
  Auc auc;  // held out
};
struct RareReport {
  bool is_whole = false;                    // of the first member, and of those that have a disk of their own; else what one member knows
  TrainReport training;                     // without epochs
  std::vector<int64_t> images, positives;   // of each member
  std::vector<std::string> images_sha256;   // of what each member learned from, its part or what was divided
  std::string classes;                      // of the labels, with their numbers of images, of this member
  std::vector<std::string> kept_positives;  // names of those that keep_positives left, of this member
  double positive_rate = 0;                 // of the batches
  ExchangeCounts exchanged;                 // of this member
  std::vector<RareMeasure> measures;        // the first is before training
  Operation operation;                      // at the threshold, which was chosen on the same images
  double costs_at_rate = -1;                // share of positives that costs were weighed by; below 0: no costs were
  std::vector<Operation> curve;             // ROC and precision
  std::vector<std::string> notes;           // members without positives
  bool resumed = false;
};
[[nodiscard]] Json to_json(const RareReport& report);

/// Writes a model of two classes, negative and positive, with its decision in the input.json that it carries and that is written beside it
/// (defects.onnx: defects.input.json), and with a card of what it learned from and how well it does (defects.card.md). @throws as train_model;
/// InvalidArgument: labels without positive or negative images, a loss that is not finite; MemberLost.
RareReport train_rare(const RareJob& job);

}  // namespace scissionlite::train
