// Options that the commands which train a model share.
#pragma once

#include <string>
#include <vector>

#include "train/train.h"
#include "train_cli/command.h"

namespace scissionlite::cli {

struct JobOptions {
  train::TrainJob job;
  std::string model, input, output, teacher, checkpoint, keep = "last";
  std::vector<std::string> images, held_out;
};

void declare_data(CLI::App& app, JobOptions& options);
void declare_loss(CLI::App& app, JobOptions& options);
void declare_trainer(CLI::App& app, JobOptions& options);
/// For commands that a GPU can help.
void declare_device(CLI::App& app, JobOptions& options);
/// Completes the job from what was typed: files are listed, input.json is looked for.
void complete(JobOptions& options, const Common& common);
/// A line an epoch.
void print_epochs(const std::vector<train::EpochRecord>& epochs);

}  // namespace scissionlite::cli
