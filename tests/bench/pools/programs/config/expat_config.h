// SPDX-License-Identifier: MIT OR Apache-2.0
// What expat's own build would write. Its hashes are salted by the program.
#define BYTEORDER 1234
#define XML_CONTEXT_BYTES 1024
#define XML_DTD 1
#define XML_NS 1
#define XML_POOR_ENTROPY 1
