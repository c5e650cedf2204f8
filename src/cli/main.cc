#include "cli/command.h"

int main(int argc, char** argv) { return scissionlite::cli::main(argc, argv); }
