#pragma once
// A transaction of librpm's on the database in a folder. For the sources of this module only; everything under a
// LogCapture, one at a time.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rpm/library.hpp"
#include "rpm/nevra.hpp"
#include "support/path.hpp"

namespace compose::rpm {

enum class Access { read, write };

class OpenDatabase {
 public:
  // Reads `folder`, or nothing; for writing it is made when it is not there. Throws Error(input) when it is no database
  // that librpm can read.
  explicit OpenDatabase(const std::optional<fs::path>& folder, Access access = Access::read);
  ~OpenDatabase();
  OpenDatabase(const OpenDatabase&) = delete;
  OpenDatabase& operator=(const OpenDatabase&) = delete;

  rpmts transaction() const noexcept { return transaction_.get(); }

  // Calls `visit` for each package but gpg-pubkey; the header is librpm's, for the time of the call.
  void for_each(const std::function<void(Header)>& visit) const;

  // Makes the removal of these part of the transaction, in their sorted order. Throws Error(input) when one is not
  // there.
  void remove(std::vector<Nevra> packages) const;

 private:
  std::string folder_;
  Macro path_;
  Macro backend_;
  Macro lock_;
  TransactionSet transaction_;
};

// What librpm says is wrong with the transaction, sorted, or "".
std::string problems_text(rpmts transaction);

}  // namespace compose::rpm
