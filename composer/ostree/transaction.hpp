#pragma once
// Objects written between construction and commit() become visible together; without commit() none does.

#include "ostree/repository.hpp"

namespace compose::ostree {

class Transaction {
 public:
  explicit Transaction(Repository& repository);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Repository& repository_;
  bool open_ = true;
};

}  // namespace compose::ostree
