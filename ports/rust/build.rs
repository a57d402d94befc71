// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the library by its CMakeLists.txt, two folders up. `RSB_CMAKE_ARGUMENTS`, separated by
//! blanks, goes to CMake as it is: a toolchain file or a configuration header, say.
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

fn run(command: &mut Command) {
    let status = command
        .status()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

fn is_on(feature: &str) -> bool {
    env::var_os(format!("CARGO_FEATURE_{feature}")).is_some()
}

fn main() {
    let source = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    let build = PathBuf::from(env::var_os("OUT_DIR").unwrap()).join("build");

    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(&source).arg("-B").arg(&build);
    configure.arg("-DCMAKE_BUILD_TYPE=Release");
    let platforms = [
        ("LINUX_SYSCALL", "linux-syscall"),
        ("STATIC_POOL", "static-pool"),
        ("USER", "user"),
    ];
    let mut chosen = platforms.iter().filter(|(feature, _)| is_on(feature));
    if let Some((_, platform)) = chosen.next() {
        configure.arg(format!("-DRSB_PLATFORM={platform}"));
    }
    if let Some((_, other)) = chosen.next() {
        panic!("feature {other}: there is one page source, and another feature has chosen it");
    }
    if is_on("CACHES") {
        configure.arg("-DRSB_CACHES=ON");
    }
    if is_on("UNCHECKED") {
        configure.arg("-DRSB_CHECKS=off");
    }
    let more = env::var("RSB_CMAKE_ARGUMENTS").unwrap_or_default();
    configure.args(more.split_whitespace());
    run(&mut configure);
    run(Command::new("cmake").args(["--build"]).arg(&build).args(["--target", "rsb_malloc"]));

    println!("cargo:rustc-link-search=native={}", build.display());
    println!("cargo:rustc-link-lib=static=rsbmalloc");
    println!("cargo:rerun-if-env-changed=RSB_CMAKE_ARGUMENTS");
    for part in ["CMakeLists.txt", "core", "platform"] {
        println!("cargo:rerun-if-changed={}", source.join(part).display());
    }
}
