#include <array>

#include <fmt/format.h>
#include <rpm/rpmds.h>

#include "rpm/header.hpp"
#include "rpm/macros.hpp"
#include "support/error.hpp"

namespace compose::rpm {
namespace {

constexpr std::uint64_t expand_flag = 1;  // RPMSCRIPT_FLAG_EXPAND
constexpr std::uint64_t format_flag = 2;  // RPMSCRIPT_FLAG_QFORMAT

struct ScriptTags {
  ScriptKind kind;
  rpmTagVal text;
  rpmTagVal program;
  rpmTagVal flags;
};

constexpr std::array<ScriptTags, 7> script_tags{{
    {ScriptKind::pre, RPMTAG_PREIN, RPMTAG_PREINPROG, RPMTAG_PREINFLAGS},
    {ScriptKind::post, RPMTAG_POSTIN, RPMTAG_POSTINPROG, RPMTAG_POSTINFLAGS},
    {ScriptKind::preun, RPMTAG_PREUN, RPMTAG_PREUNPROG, RPMTAG_PREUNFLAGS},
    {ScriptKind::postun, RPMTAG_POSTUN, RPMTAG_POSTUNPROG, RPMTAG_POSTUNFLAGS},
    {ScriptKind::pretrans, RPMTAG_PRETRANS, RPMTAG_PRETRANSPROG, RPMTAG_PRETRANSFLAGS},
    {ScriptKind::posttrans, RPMTAG_POSTTRANS, RPMTAG_POSTTRANSPROG, RPMTAG_POSTTRANSFLAGS},
    {ScriptKind::verify, RPMTAG_VERIFYSCRIPT, RPMTAG_VERIFYSCRIPTPROG, RPMTAG_VERIFYSCRIPTFLAGS},
}};

struct TriggerTags {
  Trigger::Kind kind;
  rpmTagVal texts;
  rpmTagVal programs;
  rpmTagVal script_flags;
  rpmTagVal names;
  rpmTagVal indexes;
  rpmTagVal flags;
  rpmTagVal priorities;  // RPMTAG_NOT_FOUND: has none
};

constexpr std::array<TriggerTags, 3> trigger_tags{{
    {Trigger::Kind::package, RPMTAG_TRIGGERSCRIPTS, RPMTAG_TRIGGERSCRIPTPROG, RPMTAG_TRIGGERSCRIPTFLAGS,
     RPMTAG_TRIGGERNAME, RPMTAG_TRIGGERINDEX, RPMTAG_TRIGGERFLAGS, RPMTAG_NOT_FOUND},
    {Trigger::Kind::file, RPMTAG_FILETRIGGERSCRIPTS, RPMTAG_FILETRIGGERSCRIPTPROG, RPMTAG_FILETRIGGERSCRIPTFLAGS,
     RPMTAG_FILETRIGGERNAME, RPMTAG_FILETRIGGERINDEX, RPMTAG_FILETRIGGERFLAGS, RPMTAG_FILETRIGGERPRIORITIES},
    {Trigger::Kind::transaction_file, RPMTAG_TRANSFILETRIGGERSCRIPTS, RPMTAG_TRANSFILETRIGGERSCRIPTPROG,
     RPMTAG_TRANSFILETRIGGERSCRIPTFLAGS, RPMTAG_TRANSFILETRIGGERNAME, RPMTAG_TRANSFILETRIGGERINDEX,
     RPMTAG_TRANSFILETRIGGERFLAGS, RPMTAG_TRANSFILETRIGGERPRIORITIES},
}};

// Lists of triggers may be shorter than the scripts are many.
template <typename T>
T at_or(const std::vector<T>& values, std::size_t index, T otherwise) {
  return index < values.size() ? values[index] : otherwise;
}

// Script or Trigger: its text as it runs, or why it cannot.
template <typename T>
void set_text(T& script, std::string text, std::uint64_t flags) {
  script.text = std::move(text);
  if ((flags & format_flag) != 0) script.unusable = "it is a query format of the package's header";
  if ((flags & expand_flag) == 0) return;
  std::string unknown;
  if (auto expanded = expand_macros(script.text, unknown)) {
    script.text = std::move(*expanded);
  } else {
    script.unusable = fmt::format("it uses the macro '{}', which has no value here", unknown);
  }
}

std::vector<std::string> or_shell(std::vector<std::string> interpreter) {
  if (interpreter.empty() || interpreter.front().empty()) return {"/bin/sh"};
  return interpreter;
}

std::string moment_of(std::uint64_t flags) {
  if ((flags & RPMSENSE_TRIGGERPREIN) != 0) return "prein";
  if ((flags & RPMSENSE_TRIGGERIN) != 0) return "in";
  if ((flags & RPMSENSE_TRIGGERUN) != 0) return "un";
  return "postun";
}

[[noreturn]] void refuse_triggers() {
  throw Error(ErrorKind::input, "its list of triggers is not well formed", "the package is damaged or made to harm");
}

void add_triggers(Header header, const TriggerTags& tags, std::vector<Trigger>& triggers) {
  const auto texts = header_strings(header, tags.texts);
  const auto programs = header_strings(header, tags.programs);
  const auto script_flags = header_numbers(header, tags.script_flags);
  const auto names = header_strings(header, tags.names);
  const auto indexes = header_numbers(header, tags.indexes);
  const auto flags = header_numbers(header, tags.flags);
  const auto priorities =
      tags.priorities == RPMTAG_NOT_FOUND ? std::vector<std::uint64_t>() : header_numbers(header, tags.priorities);
  if (indexes.size() != names.size() || flags.size() != names.size()) refuse_triggers();
  const std::size_t first = triggers.size();
  for (std::size_t script = 0; script < texts.size(); ++script) {
    Trigger trigger;
    trigger.kind = tags.kind;
    trigger.priority = static_cast<int>(at_or<std::uint64_t>(priorities, script, 1000000));
    trigger.interpreter = or_shell({at_or<std::string>(programs, script, {})});
    set_text(trigger, texts[script], at_or<std::uint64_t>(script_flags, script, 0));
    triggers.push_back(std::move(trigger));
  }
  for (std::size_t name = 0; name < names.size(); ++name) {
    if (indexes[name] >= texts.size()) refuse_triggers();
    Trigger& trigger = triggers[first + indexes[name]];
    trigger.names.push_back(names[name]);
    trigger.moment = moment_of(flags[name]);
  }
}

}  // namespace

std::vector<Script> scripts_of(Header header) {
  std::vector<Script> scripts;
  for (const auto& tags : script_tags) {
    if (headerIsEntry(header, tags.text) == 0 && headerIsEntry(header, tags.program) == 0) continue;
    Script script;
    script.kind = tags.kind;
    script.interpreter = or_shell(header_strings(header, tags.program));
    const auto texts = header_strings(header, tags.text);
    const auto flags = header_numbers(header, tags.flags);
    set_text(script, at_or<std::string>(texts, 0, {}), at_or<std::uint64_t>(flags, 0, 0));
    scripts.push_back(std::move(script));
  }
  return scripts;
}

std::vector<Trigger> triggers_of(Header header) {
  std::vector<Trigger> triggers;
  for (const auto& tags : trigger_tags) add_triggers(header, tags, triggers);
  return triggers;
}

}  // namespace compose::rpm
