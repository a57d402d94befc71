// SPDX-License-Identifier: MIT OR Apache-2.0
// An object is deleted through its base, which is smaller and has no virtual destructor.
struct Base {
  long member = 0;
};
struct Derived : Base {
  long more[10] = {};
};

void destroy(const Base* object) {
  delete object;
}

int main() {
  destroy(new Derived);
}
