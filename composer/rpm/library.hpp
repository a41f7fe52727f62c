#pragma once
// librpm in this process: set up once, without the user's or the host's own configuration, and entered by one thread at
// a time, because its macros, its log and its database handles are global. For the sources of this module only.

#include <mutex>
#include <string>
#include <vector>

#include <rpm/header.h>
#include <rpm/rpmarchive.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmfi.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmio.h>
#include <rpm/rpmkeyring.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmps.h>
#include <rpm/rpmtd.h>
#include <rpm/rpmts.h>

#include "support/handle.hpp"

namespace compose::rpm {

using TransactionSet = Handle<rpmts_s, rpmtsFree>;
using HeaderHandle = Handle<headerToken_s, headerFree>;
using RpmFile = Handle<_FD_s, Fclose>;
using Keyring = Handle<rpmKeyring_s, rpmKeyringFree>;
using PublicKey = Handle<rpmPubkey_s, rpmPubkeyFree>;
using MatchIterator = Handle<rpmdbMatchIterator_s, rpmdbFreeIterator>;
using FileList = Handle<rpmfiles_s, rpmfilesFree>;
using FileIterator = Handle<rpmfi_s, rpmfiFree>;
using TagData = Handle<rpmtd_s, rpmtdFree>;
using Problems = Handle<rpmps_s, rpmpsFree>;

// Reads librpm's own configuration; any number of times from any thread. No database is named afterwards (`_dbpath`
// leads nowhere), plugins are off, signals stay the program's. Throws Error(failed) when librpm is not installed well.
void init_library();

// librpm, for as long as this lives: the calling thread has it to itself (and may nest these), and what librpm would
// print is gathered instead. Everything that calls librpm does it under one of these.
class LogCapture {
 public:
  // Messages less important than `level` are dropped.
  explicit LogCapture(rpmlogLvl level = RPMLOG_WARNING);
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  // In their order, without the line's end; no more than 1000.
  const std::vector<std::string>& messages() const noexcept { return messages_; }
  // All in one line, for an error's text; "" when there are none.
  std::string text() const;

 private:
  static int take(rpmlogRec record, rpmlogCallbackData data) noexcept;

  std::unique_lock<std::recursive_mutex> lock_;
  LogCapture* outer_;
  int outer_mask_;
  std::vector<std::string> messages_;
};

// For the child of a fork() under a LogCapture: the lock belongs to the thread that called fork(), which the child does
// not have.
void own_library_after_fork();

// A macro of librpm's ("_dbpath", "_rpmlock_path") with another value for as long as this lives. Under a LogCapture.
class Macro {
 public:
  Macro(std::string name, const std::string& value);
  ~Macro();
  Macro(const Macro&) = delete;
  Macro& operator=(const Macro&) = delete;

 private:
  std::string name_;
};

}  // namespace compose::rpm
