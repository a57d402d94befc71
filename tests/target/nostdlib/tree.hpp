// SPDX-License-Identifier: MIT OR Apache-2.0
// A binary search tree of nodes made by new.
#pragma once

#include <stddef.h>

struct Node {
  explicit Node(unsigned new_key) : key(new_key) {}
  ~Node() {
    delete left;
    delete right;
  }
  void insert(unsigned new_key) {
    Node*& side = new_key < key ? left : right;
    if (side == nullptr) {
      side = new Node(new_key);
    } else {
      side->insert(new_key);
    }
  }
  size_t count() const {
    return 1 + (left != nullptr ? left->count() : 0) + (right != nullptr ? right->count() : 0);
  }
  Node* left = nullptr;
  Node* right = nullptr;
  unsigned key;
};
