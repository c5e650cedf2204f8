#include "train_cli/command.h"

int main(int argc, char** argv) { return scissionlite::cli::train_main(argc, argv); }
