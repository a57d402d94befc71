// SPDX-License-Identifier: MIT OR Apache-2.0
// An object is deleted twice.
struct Object {
  long members[5] = {};
};

void destroy(const Object* object) {
  delete object;
}

int main() {
  const Object* const object = new Object;
  destroy(object);
  destroy(object);
}
