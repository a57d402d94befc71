# SPDX-License-Identifier: MIT OR Apache-2.0
# What is installed, and how it is found; and what becomes of it in a project that embeds it.

package_test(components "
  cmake -S '${here}/components' -B components -DCMAKE_PREFIX_PATH=\"$PWD/prefix\""
  FIXTURES_REQUIRED installed)
package_test(terms_installed "cd prefix/share/doc/rsbmalloc && ls CHANGELOG.md licenses/MIT.txt licenses/Apache-2.0.txt"
  FIXTURES_REQUIRED installed)
package_test(soname "
  cd prefix/lib
  ls librsbmalloc.so librsbmalloc.so.${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  readelf -d librsbmalloc.so | grep -F '[librsbmalloc.so.${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}]'"
  FIXTURES_REQUIRED installed)

# pkg_config_test(<package> <compiler> <source> [<flag>]): a program that says itself where its blocks come from.
function(pkg_config_test package compiler source)
  package_test(pkg-config.${package} "
    export PKG_CONFIG_PATH=\"$PWD/prefix/lib/pkgconfig\" LD_LIBRARY_PATH=\"$PWD/prefix/lib\"
    test $(pkg-config --modversion ${package}) = ${PROJECT_VERSION}
    '${compiler}' ${ARGN} '${here}/consumer/${source}' $(pkg-config --cflags --libs ${package}) -o by-${package}
    ./by-${package}"
    FIXTURES_REQUIRED installed)
endfunction()
pkg_config_test(rsbmalloc "${CMAKE_C_COMPILER}" prefixed.c)
pkg_config_test(rsbmalloc-libc "${CMAKE_C_COMPILER}" libc.c)
pkg_config_test(rsbmalloc-new "${CMAKE_CXX_COMPILER}" new.cpp -std=c++11)
pkg_config_test(rsbmalloc-shared "${CMAKE_C_COMPILER}" libc.c)

# Where the program calls malloc by no name of its own, but the C++ library does.
package_test(pkg-config.only_new "
  export PKG_CONFIG_PATH=\"$PWD/prefix/lib/pkgconfig\"
  echo 'int main() { int* volatile number = new int(1); delete number; }' > only_new.cpp
  for package in rsbmalloc-libc rsbmalloc-shared; do
    '${CMAKE_CXX_COMPILER}' -Wl,--as-needed only_new.cpp $(pkg-config --libs $package) -o only_new
    nm -D only_new | grep ' T malloc' || readelf -d only_new | grep 'NEEDED.*librsbmalloc'
  done"
  FIXTURES_REQUIRED installed)

# A project that embeds the library, and is itself installed. Its archive is of use only where ours is, which
# RSB_INSTALL sees to. Its shared library has what it needs of ours inside.
package_test(installs_both "
  rm -rf both && mkdir both && cd both
  cmake -S '${here}/embedding' -B build -DRSBMALLOC='${PROJECT_SOURCE_DIR}' -DKIND=STATIC -DRSB_INSTALL=ON \
    -DRSB_OPTIMIZE=-O0
  cmake --build build
  cmake --install build --prefix prefix
  ls prefix/share/doc/rsbmalloc/CHANGELOG.md
  cmake -S '${here}/embedding/user' -B user -DCMAKE_PREFIX_PATH=\"$PWD/prefix\" -DITS_NEEDS_RSBMALLOC=ON
  cmake --build user
  user/user")
package_test(installs_itself "
  rm -rf itself && mkdir itself && cd itself
  cmake -S '${here}/embedding' -B build -DRSBMALLOC='${PROJECT_SOURCE_DIR}' -DKIND=SHARED -DRSB_OPTIMIZE=-O0
  cmake --build build --target its
  cmake --install build --prefix prefix
  test -z \"$(find prefix | grep rsb)\"
  cmake -S '${here}/embedding/user' -B user -DCMAKE_PREFIX_PATH=\"$PWD/prefix\"
  cmake --build user
  user/user")
package_test(archive_needs_RSB_INSTALL "
  rm -rf half
  if cmake -S '${here}/embedding' -B half -DRSBMALLOC='${PROJECT_SOURCE_DIR}' -DKIND=STATIC 2> half.txt; then exit 1; fi
  grep rsb_malloc half.txt")

# How it is compiled there: by what the project around it says, and if that says nothing, optimised.
function(optimization_test name times_said flags_there flags_not_there)
  list(JOIN ARGN " " options)
  package_test(optimization.${name} "
    here=optimization.${name}
    rm -rf $here
    cmake -S '${here}/embedding' -B $here -DRSBMALLOC='${PROJECT_SOURCE_DIR}' -DKIND=SHARED \
      -DCMAKE_EXPORT_COMPILE_COMMANDS=ON ${options} | tee $here.txt
    grep 'command.*c_api.cpp' $here/compile_commands.json > $here/command.txt
    for flag in ${flags_there}; do grep -e \" $flag \" $here/command.txt; done
    for flag in ${flags_not_there}; do test -z \"$(grep -e \" $flag\" $here/command.txt)\"; done
    grep -c 'rsbmalloc is compiled with .*RSB_OPTIMIZE' $here.txt | grep ${times_said}")
endfunction()
optimization_test(by_default 1 -O2 -O[013s])
optimization_test(RSB_OPTIMIZE 1 -O1 -O[023s] -DRSB_OPTIMIZE=-O1)
optimization_test(Debug 0 "" -O -DCMAKE_BUILD_TYPE=Debug)
optimization_test(own_flags 0 -Os -O[0123] -DCMAKE_CXX_FLAGS=-Os)
optimization_test(own_Release 0 -Os -O[0123] -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-Os)

# A platform that lives elsewhere, by its full path, and relative to the folder of ours.
package_test(platform_elsewhere "
  rm -rf elsewhere && mkdir elsewhere && cd elsewhere
  cp -r '${PROJECT_SOURCE_DIR}/platform/static-pool' mine
  sed -i '/^namespace rsb::platform/a inline constexpr int mine = 1;' mine/rsb/platform.hpp
  cmake -S ../rsbmalloc -B build -DRSB_PLATFORM=\"$PWD/mine\" -DRSB_OPTIMIZE=-O0
  cmake --build build
  cmake --install build --prefix prefix
  grep mine prefix/include/rsb/platform.hpp
  python3 '${here}/page.py' save '${PROJECT_SOURCE_DIR}/platform/README.md' .
  '${CMAKE_C_COMPILER}' late_pool.c -I prefix/include prefix/lib/librsbmalloc.a -o late_pool && ./late_pool
  cmake -S ../rsbmalloc -B relative -DRSB_PLATFORM=../../elsewhere/mine -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
  grep -e '-I[^ ]*/elsewhere/mine ' relative/compile_commands.json"
  FIXTURES_REQUIRED built)
