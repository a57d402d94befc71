#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds the module in a folder of its own, without a word of any compiler, objtool or modpost.
#
#   build.sh PROJECT caches|no_caches    kernel/headers is in this folder; leaves the modules in caches or no_caches
set -eu

project=$1 variant=$2
case $variant in
  caches) options= ;;
  no_caches) options=RSB_CACHES=n ;;
esac
rm -rf "$variant"
cp -r "$project/ports/linux-module" "$variant"
make -C "$variant" KDIR="$PWD/kernel/headers" RSB_CORE="$project/core/include" $options > "$variant/said" 2>&1 ||
  { cat "$variant/said" && exit 1; }
cat "$variant/said"
if grep -q -i -E 'warning|error' "$variant/said"; then exit 1; fi
ls "$variant/rsbmalloc.ko" "$variant/rsbmalloc_test.ko"
