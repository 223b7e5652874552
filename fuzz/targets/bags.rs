//! Downloaded exports, as the command line verifies them.

#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

/// In memory, where there is such a disk.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let shared = PathBuf::from("/dev/shm");
    let dir = if shared.is_dir() { shared } else { std::env::temp_dir() };
    dir.join(format!("rightful-fuzz-{}.zip", std::process::id()))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fs::write(&*FILE, data).expect("the file can be written");
    drop(rightful::export::verify::bag(&FILE, &mut |_, _| {}));
});
