#pragma once

#include <span>

namespace tonus::cli {

/// One file of the folder that `plugin new` writes, with __NAME__, __CLASS__, __KEBAB__ and
/// __CONFIG__ in it. The texts are those of sdk/template.
struct TemplateFile {
  const char* name;
  const char* text;
};
extern const std::span<const TemplateFile> kTemplate;

}  // namespace tonus::cli
