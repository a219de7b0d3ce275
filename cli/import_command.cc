#include "scenario/import/import_command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/program.h"

namespace tonus::cli {
namespace {

int RunImport(const Globals& globals, importing::ImportOptions options) {
  options.json = globals.json;
  if (options.out.empty()) options.out = globals.data + "/import-" + options.set;
  auto code = importing::RunImportCommand(options);
  return code ? *code : Report(code.error());
}

}  // namespace

void AddImport(CLI::App& app, Program& program) {
  CLI::App* import = app.add_subcommand("import", "brings recorded patients into a log");
  auto options = std::make_shared<importing::ImportOptions>();
  std::string sets;
  for (const std::string& set : importing::ImportSets()) sets += (sets.empty() ? "" : ", ") + set;
  import->add_option("SET", options->set, "what the files are: " + sets)->required();
  import->add_option("PATH", options->paths, "files, or folders that hold them")->required();
  import->add_option("--out", options->out, "folder of the log; default: import-SET in --data")
      ->type_name("DIR");
  import->add_option("--map", options->map, "csv: the MAP.yaml that names the columns")
      ->type_name("FILE");
  import->add_option("--labels", options->labels, "physionet2019: file for what is no input")
      ->type_name("FILE");
  import->add_option("--rejects", options->rejects, "file for every row that could not be used")
      ->type_name("FILE");
  import->add_flag("--synthetic-pump", options->synthetic_pump,
                   "give every patient a baclofen pump that nobody had");
  import->callback([&program, options] {
    program.run = [&program, options] { return RunImport(program.globals, *options);
};
}  // namespace tonus::cli
);
}

}  // namespace tonus::cli
