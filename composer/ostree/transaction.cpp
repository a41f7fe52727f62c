#include "ostree/transaction.hpp"

#include "ostree/glib.hpp"

namespace compose::ostree {

Transaction::Transaction(Repository& repository) : repository_(repository) {
  GErrorSlot error;
  check(ostree_repo_prepare_transaction(repository.raw(), nullptr, nullptr, error.out()), error,
        fmt::format("writing to the repository '{}'", repository.path().string()));
}

Transaction::~Transaction() {
  if (open_) ostree_repo_abort_transaction(repository_.raw(), nullptr, nullptr);
}

void Transaction::commit() {
  GErrorSlot error;
  open_ = false;
  check(ostree_repo_commit_transaction(repository_.raw(), nullptr, nullptr, error.out()), error,
        fmt::format("writing to the repository '{}'", repository_.path().string()));
}

}  // namespace compose::ostree
