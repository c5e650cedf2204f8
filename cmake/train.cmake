# The training engine and its program, which link libtorch; nothing else does. Left out where libtorch is not found.
if(SCISSIONLITE_TRAIN_FOUND)
  scissionlite_folder(train USES profile compress collective LINK torch Threads::Threads)
  scissionlite_folder(train_cli USES train program)
  target_link_options(scissionlite_train PUBLIC -Wl,--as-needed)  # without what is linked for folders that it does not use
  # libtorch's headers take 15 s to read and 5 s more to finish with: they are read once, and files are compiled together.
  target_precompile_headers(scissionlite_train PRIVATE src/train/tensors/torch.h)
  set_target_properties(scissionlite_train PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 9)
  set_source_files_properties(src/train/op/fake_quantize_loops.cc src/train/op/depthwise_loops.cc PROPERTIES COMPILE_OPTIONS -fopenmp-simd SKIP_PRECOMPILE_HEADERS ON)
  if(CCACHE)  # it takes no precompiled headers without being told what may differ
    set_target_properties(scissionlite_train PROPERTIES
      CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros;${CCACHE}")
  endif()
  add_executable(scissionlite-train src/train_cli/main.cc)
  target_link_libraries(scissionlite-train PRIVATE scissionlite_train_cli)
  scissionlite_runtime_path(scissionlite-train)
endif()
