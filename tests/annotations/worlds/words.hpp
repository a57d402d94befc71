// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#define RSB_WORDS true
#include "small.hpp"
