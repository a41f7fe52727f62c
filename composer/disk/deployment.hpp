#pragma once
// The repository's objects and the first deployment, whose files are the same inodes.

#include <array>
#include <string>
#include <vector>

#include "disk/model.hpp"

namespace compose::disk {

// What goes to /etc/fstab when the commit has none with an entry in it.
struct Fstab {
  std::string text;
  FileMeta meta;
};

// Makes a node take its content from an object; `runs` are what of a regular file is not a hole.
void use_object(Node& node, const FileObject& object, std::vector<BlockRun> runs);

class DeploymentBuilder {
 public:
  // Adds all objects of the chain to `object_directories` (objects/00 to objects/ff): those that the last commit needs,
  // and places for the others. `runs` are those of the chain's files. The references must outlive the builder.
  DeploymentBuilder(Model& model, const ChainContent& chain, const std::vector<std::vector<BlockRun>>& runs,
                    const std::array<NodeId, 256>& object_directories, const FileMeta& metadata_meta);

  // Adds the last commit's tree as directory `name`, with /etc copied from /usr/etc. Returns the directory.
  // Throws Error(input) when the commit has an /etc beside, or instead of, /usr/etc.
  NodeId add(NodeId parent, const std::string& name, const Fstab& fstab);

 private:
  // A file of the deployment is the object itself, or a copy with an inode of its own.
  enum class Files { linked, copied };
  // The same directory in the base commit and in the deployed one; either may be missing.
  struct Place {
    const Subdirectory* base = nullptr;
    const Subdirectory* now = nullptr;
  };

  void mark_used(const Subdirectory& directory);
  std::vector<NodeId> add_metadata_objects(const FileMeta& meta);
  void name_objects(const std::array<NodeId, 256>& directories, const std::vector<NodeId>& metadata_nodes);
  void add_file_objects();

  NodeId add_directory(NodeId parent, const std::string& name, const Place& place, Files files);
  void fill(NodeId directory, const Place& place, Files files, const std::string& skip = {});
  void add_child(NodeId directory, const std::string& name, const Place& place, Files files);
  void add_file(NodeId directory, const std::string& name, const std::size_t* base, const std::size_t* now,
                Files files);
  NodeId copy_of(std::size_t file, std::size_t zone);
  void add_etc(NodeId root, const Place& usr_etc, const Fstab& fstab);
  bool has_fstab_entry(const Subdirectory& etc) const;
  const DirectoryTree& tree(const Subdirectory& directory) const { return chain_.trees[directory.tree]; }

  Model& model_;
  const ChainContent& chain_;
  const std::vector<std::vector<BlockRun>>& runs_;  // by index into chain.files
  std::vector<NodeId> file_nodes_;                  // by index into chain.files
  std::vector<bool> used_files_;
  std::vector<bool> used_metadata_;
  std::vector<bool> visited_trees_;
};

}  // namespace compose::disk
