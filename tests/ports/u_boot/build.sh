#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds U-Boot from Debian's source package for QEMU's virt, in this folder, with its unit tests and command.c beside:
#
#   build.sh PROJECT    leaves rsb.bin, and own.bin, which has U-Boot's own allocator; and mkimage and dtc in build
#
# Without a word of the compiler about what is ours.
set -eu

project=$1
here=$project/tests/ports/u_boot
rm -rf source build rsb.bin own.bin
"$project/toolchains/source" u-boot source

ln -s "$project/ports/u-boot" source/common/rsbmalloc
cp "$here/command.c" source/common/rsbtest.c
cp source/common/Makefile Makefile.own
echo 'obj-$(CONFIG_UNIT_TEST) += rsbtest.o' >> Makefile.own

build() {
  make -s -C source O="$PWD/build" CROSS_COMPILE=aarch64-linux-gnu- "$@" > said 2>&1 || { cat said && exit 1; }
  cat said
  if grep -i -E 'rsb.*(warning|error)' said; then exit 1; fi
}
build qemu_arm64_defconfig
cat >> build/.config << 'END'
CONFIG_BOOTDELAY=-1
CONFIG_UNIT_TEST=y
CONFIG_SYS_MALLOC_LEN=0x800000
CONFIG_CONSOLE_RECORD=y
CONFIG_CONSOLE_RECORD_OUT_SIZE=0x6000
CONFIG_UT_TIME=y
CONFIG_LOG=y
CONFIG_GZIP_COMPRESSED=y
CONFIG_BZIP2=y
CONFIG_LZMA=y
CONFIG_LZO=y
CONFIG_LZ4=y
CONFIG_CMD_GREPENV=y
CONFIG_CMD_MEM_SEARCH=y
CONFIG_FAT_WRITE=y
END
build olddefconfig

sed 's|^obj-y += dlmalloc.o|obj-y += rsbmalloc/|' Makefile.own > source/common/Makefile
build -j "$(nproc)"
cp build/u-boot.bin rsb.bin
! aarch64-linux-gnu-nm build/u-boot | grep -w av_

cp Makefile.own source/common/Makefile
build -j "$(nproc)"
cp build/u-boot.bin own.bin
aarch64-linux-gnu-nm build/u-boot | grep -w av_
