// SPDX-License-Identifier: MIT OR Apache-2.0
  .section .rodata.script, "a"
  .global script, script_end
script:
  .incbin SCRIPT
script_end:
