// Which loops of bf16 go with which vectors.
#pragma once

#include <vector>

#include "kernels/bf16/arguments.h"

namespace scissionlite::kernels {

/// Those of this number of lanes that this CPU can run, fastest first; the last one is kWidened, which needs what the loops of float32 of as
/// many lanes need, whether the CPU has that or not.
[[nodiscard]] std::vector<const Bf16Loops*> bf16_loops(int lanes);
/// The fastest of them that is no faster a way than `most`.
[[nodiscard]] const Bf16Loops& bf16_loops(int lanes, Bf16Way most);

/// Within its life the thread may call panels.
class Bf16Thread {
 public:
  explicit Bf16Thread(const Bf16Loops& loops) : loops_(loops) {
    if (loops_.enter) loops_.enter();
  }
  ~Bf16Thread() {
    if (loops_.leave) loops_.leave();
  }
  Bf16Thread(const Bf16Thread&) = delete;
  Bf16Thread& operator=(const Bf16Thread&) = delete;

 private:
  const Bf16Loops& loops_;
};

}  // namespace scissionlite::kernels
