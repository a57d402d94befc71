/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Between the C files of the module. */
#ifndef RSB_LINUX_MODULE_H
#define RSB_LINUX_MODULE_H

/* The folder rsbmalloc of debugfs. Without debugfs there is none, and no harm in it. */
void rsb_debugfs_begin(void);
void rsb_debugfs_end(void);

#endif
