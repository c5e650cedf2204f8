// What members of a run on rare positives know before they begin: the model that is trained, whose images are whose, and what all of them have to
// agree on. Private to train/.
#pragma once

#include <string>
#include <vector>

#include "onnx/onnx.h"
#include "train/job_data.h"
#include "train/rare/coda.h"
#include "train/rare/rare.h"
#include "train/rare/two_classes.h"

namespace scissionlite::train {

struct RarePlan {
  Graph graph;
  vision::InputSpec input;  // of the model that is trained
  JobData data;
  std::vector<int64_t> held_out;
  int64_t held_out_positives = 0;
  std::string images_sha256;                // of those learned from
  std::vector<std::string> kept_positives;  // names of those that --keep-positives left
  Json identity;  // what a run has to have in common with the one that its checkpoint is of; the number of members, and how fast they learn, may be
                  // another
  Json options;   // what all members of a run have to have in common beside that

  /// Reads model and images. @param job  kept by reference. @throws InvalidArgument: options out of range, labels that do not fit, held-out images of
  /// one class alone.
  explicit RarePlan(const RareJob& job);

  /// Some of the images learned from.
  [[nodiscard]] TwoClasses two_classes(const std::vector<int64_t>& which) const { return {data.train, {1}, which}; }
  /// Of the images learned from, those of a member.
  [[nodiscard]] std::vector<int64_t> part(int rank, int members) const;
  /// 0: as they come.
  [[nodiscard]] int64_t positives_in_batch() const;
  /// @param images  of all members. @throws InvalidArgument: epochs that are no step of the first stage.
  [[nodiscard]] CodaOptions coda(int64_t images, int members) const;

 private:
  void check_batches() const;
  void keep_classes();
  void keep_positives();
  void set_identity();

  const RareJob& job_;
  std::vector<int64_t> which_;
};

}  // namespace scissionlite::train
