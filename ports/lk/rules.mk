# SPDX-License-Identifier: MIT OR Apache-2.0
# LK's heap from rsbmalloc: see README.md. RSBMALLOC is where the clone lies.
LOCAL_DIR := $(GET_LOCAL_DIR)

MODULE := $(LOCAL_DIR)

MODULE_SRCS += $(LOCAL_DIR)/heap.cpp
MODULE_INCLUDES += $(RSBMALLOC)/core/include
MODULE_CPPFLAGS += --std=c++20
# LK_HEAP_CACHES=1: a cache for each CPU.
ifeq ($(call TOBOOL,$(LK_HEAP_CACHES)),true)
MODULE_DEFINES += LK_HEAP_CACHES=1
endif

include make/module.mk
