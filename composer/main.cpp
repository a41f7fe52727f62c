#include "cli/command.hpp"

int main(int argc, char** argv) { return compose::cli::run(argc, argv); }
