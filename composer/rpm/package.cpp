#include "rpm/package.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <rpm/rpmte.h>

#include "rpm/header.hpp"
#include "rpm/open_database.hpp"
#include "support/error.hpp"

namespace compose::rpm {
namespace {

using ElementIterator = Handle<rpmtsi_s, rpmtsiFree>;

struct Element {
  Nevra nevra;
  std::size_t index = 0;  // of the caller's list; its address is librpm's key
  HeaderHandle header;
};

std::vector<Element> sorted_elements(const std::vector<fs::path>& packages) {
  std::vector<Element> elements;
  for (std::size_t index = 0; index < packages.size(); ++index) {
    HeaderHandle header = open_package(packages[index]).header;
    Nevra nevra = nevra_of(header.get());
    elements.push_back({std::move(nevra), index, std::move(header)});
  }
  std::sort(elements.begin(), elements.end(), [](const Element& a, const Element& b) { return a.nevra < b.nevra; });
  const auto twice = std::adjacent_find(elements.begin(), elements.end(),
                                        [](const Element& a, const Element& b) { return a.nevra == b.nevra; });
  if (twice != elements.end()) {
    throw Error(ErrorKind::input, fmt::format("the package {} is there twice", to_text(twice->nevra)));
  }
  return elements;
}

void add_elements(rpmts transaction, const std::vector<Element>& elements) {
  for (const Element& element : elements) {
    if (rpmtsAddInstallElement(transaction, element.header.get(), &element.index, 0, nullptr) != 0) {
      throw Error(ErrorKind::failed, fmt::format("librpm does not take the package {}", to_text(element.nevra)));
    }
  }
}

void check_dependencies(rpmts transaction) {
  rpmtsCheck(transaction);
  const std::string problems = problems_text(transaction);
  if (problems.empty()) return;
  throw Error(ErrorKind::input, "the packages do not fit together: " + problems,
              "run 'atomic-compose resolve' again, which looks for packages that do");
}

std::vector<std::size_t> order_of(rpmts transaction) {
  rpmtsOrder(transaction);
  std::vector<std::size_t> order;
  const ElementIterator iterator(rpmtsiInit(transaction));
  while (const rpmte element = rpmtsiNext(iterator.get(), TR_ADDED)) {
    order.push_back(*static_cast<const std::size_t*>(rpmteKey(element)));
  }
  return order;
}

}  // namespace

PackageInfo read_package(const fs::path& package) {
  const LogCapture log(RPMLOG_ERR);
  return with_context(fmt::format("reading the package '{}'", package.string()),
                      [&] { return info_of(open_package(package).header.get()); });
}

std::vector<std::size_t> install_order(const std::vector<fs::path>& packages, const std::optional<fs::path>& rpmdb,
                                       const std::vector<Nevra>& removed) {
  const LogCapture log(RPMLOG_ERR);
  const auto elements = sorted_elements(packages);
  const OpenDatabase database(rpmdb);
  add_elements(database.transaction(), elements);
  if (rpmdb) {
    database.remove(removed);
    check_dependencies(database.transaction());
  }
  auto order = order_of(database.transaction());
  if (order.size() != packages.size())
    throw Error(ErrorKind::failed, "librpm cannot order the packages: " + log.text());
  return order;
}

}  // namespace compose::rpm
