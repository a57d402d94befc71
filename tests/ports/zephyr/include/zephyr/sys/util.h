// SPDX-License-Identifier: MIT OR Apache-2.0
// See kernel.h.
#pragma once

// 1 if the setting is defined as 1, else 0: that it is not defined is no error.
#define IS_ENABLED(setting) TEST_IS_1_(setting)
#define TEST_IS_1_(value) TEST_SECOND_(TEST_COMMA_##value 1, 0)
#define TEST_COMMA_1 0,
#define TEST_SECOND_(...) TEST_SECOND_OF_(__VA_ARGS__, 0)
#define TEST_SECOND_OF_(first, second, ...) second
